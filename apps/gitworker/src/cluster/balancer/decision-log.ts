import type { Logger } from '@sluice/shared/telemetry/log'
import type { Carried } from './carry-out.ts'
import type { StepKind } from './decide/step.ts'

/*
 * What was decided and done, in the log: a line for each kind and each host that it is about, with how many slots went where,
 * in which revisions. 4,096 slots are not 4,096 lines. At `debug`, each step has its own.
 */

const words: Readonly<Record<StepKind, string>> = {
  'assign': 'slots have their first host',
  'take over': 'slots of a host that is gone have another one',
  'hand over': 'slots are to be handed over',
  'take back': 'slots are not handed over: their host did not let go of them in time, or the other one is gone',
  'change copies': 'slots are listed with other copies',
}

/** Lines for one decision. */
const mostLines = 16

/** Slots that a line names. */
const mostNamed = 8

export function logDecision(log: Logger, carried: readonly Carried[], conflicts: number): void {
  const groups = [...Map.groupBy(carried, ({ step }) => `${step.kind} ${step.from ?? ''}`).values()]
  for (const group of groups.slice(0, mostLines)) {
    const { kind, from } = group[0]!.step
    const revisions = group.map(({ revision }) => revision)
    const to = [...Map.groupBy(group, ({ step }) => step.to)].flatMap(([name, some]) =>
      name === undefined ? [] : [[name, some.length] as const],
    )
    log[kind === 'take over' || kind === 'take back' ? 'warn' : 'info'](
      {
        from,
        to: to.length > 0 ? Object.fromEntries(to) : undefined,
        slots: group.length,
        some: group.slice(0, mostNamed).map(({ step }) => step.slot),
        revisions: [Math.min(...revisions), Math.max(...revisions)],
      },
      `balancer: ${words[kind]}`,
    )
  }
  if (groups.length > mostLines) {
    const rest = groups.slice(mostLines).flat()
    log.info({ slots: rest.length, revision: rest.at(-1)!.revision }, 'balancer: more slots were changed')
  }
  if (conflicts > 0) log.info({ slots: conflicts }, 'balancer: slots had changed meanwhile, and are looked at again')
  if (!log.isLevelEnabled('debug')) return
  for (const { step, revision } of carried) {
    const { kind, slot, from, to, write } = step
    log.debug({ slot, from, to, copies: write.copies, revision }, `balancer: ${kind}`)
  }
}
