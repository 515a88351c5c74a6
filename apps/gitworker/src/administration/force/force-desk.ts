import { slotOf } from '@sluice/shared/placement/slot'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { AuditLog } from '../../audit/audit-log.ts'
import { forcedLine } from '../../audit/forced-line.ts'
import { NotMemberError } from '../../cluster/force/slot-forcing.ts'
import type { ForcibleSlot, LeftSlot, SlotForcing, Survey } from '../../cluster/force/slot-forcing.ts'
import { lastPush } from '../look/last-push.ts'
import { repositoriesBelow } from '../look/walk-root.ts'

export type ForceDeskServices = {
  readonly root: string
  readonly forcing: Pick<SlotForcing, 'host' | 'survey' | 'force'>
  /** Undefined where pushes are not recorded. */
  readonly auditLog: Pick<AuditLog, 'check' | 'append'> | undefined
  readonly log: Logger
}

/** What this host would become, or has become, the primary of. Times are ISO 8601. */
export type Forced = {
  readonly host: string
  readonly isDone: boolean
  readonly slots: readonly ForcedSlot[]
  /** Those that stay as they are. */
  readonly left: readonly LeftSlot[]
}

export type ForcedSlot = {
  readonly slot: number
  /** The hosts that have every acknowledged push, and are gone: what only they have may be lost. */
  readonly lost: readonly string[]
  /** Repositories that this host has of it. */
  readonly repositories: number
  /** About when the newest of them was last changed here; null: there is none, or that cannot be read. */
  readonly lastChange: string | null
}

/** Makes this host the primary of slots although it is not in sync, where an operator says so. */
export class ForceDesk {
  readonly #services: ForceDeskServices

  constructor(services: ForceDeskServices) {
    this.#services = services
  }

  /**
   * @param wanted undefined: all slots that are down, and that this host has a copy of
   * @param isDryRun only says what would be done
   * @param who what the operator says of who it is
   * @throws {Refusal} `audit_unavailable`, `not_forcible`, `operation_failed`
   */
  async force(wanted: ReadonlySet<number> | undefined, isDryRun: boolean, who: string | undefined): Promise<Forced> {
    const { forcing } = this.#services
    const { host } = forcing
    const survey = await forcing.survey(wanted).catch((error: unknown) => Promise.reject(refusalFor(error)))
    const found = await this.#found(survey)
    const planned = survey.forcible.map(({ slot, record }): ForcedSlot => {
      const { repositories, lastChange } = found.get(slot)!
      const at = lastChange === null ? null : new Date(lastChange).toISOString()
      return { slot, lost: record.inSync, repositories, lastChange: at }
    })
    if (isDryRun) return { host, isDone: false, slots: planned, left: survey.left }
    const done = new Set<number>()
    const changed = await this.#write(survey, done, who)
    return {
      host,
      isDone: true,
      slots: planned.filter(({ slot }) => done.has(slot)),
      left: [...survey.left, ...changed],
    }
  }

  /** @param done gets the slots that were written */
  async #write(survey: Survey, done: Set<number>, who: string | undefined): Promise<LeftSlot[]> {
    const { forcing, auditLog, log } = this.#services
    await auditLog?.check()
    const onDone = async (slots: readonly ForcibleSlot[], term: number) => {
      for (const { slot, record } of slots) {
        done.add(slot)
        await this.#record(slot, term, record.inSync, who)
      }
    }
    try {
      return await forcing.force(survey, onDone)
    } catch (cause) {
      log.error({ err: cause, done: done.size }, 'not all slots could be taken by hand')
      throw refusalFor(cause)
    }
  }

  /** What has been done cannot be taken back, so a record that cannot be written does not stop it. */
  async #record(slot: number, term: number, lost: readonly string[], who: string | undefined): Promise<void> {
    const { forcing, auditLog, log } = this.#services
    const about = { slot, term, host: forcing.host, lost, saysToBe: who }
    log.warn(about, 'forced by hand: this host is the primary, and what only the hosts that are gone have may be lost')
    await auditLog
      ?.append(forcedLine(about))
      .catch((err: unknown) => log.error({ ...about, err }, 'this is not recorded'))
  }

  /** What this host has of them. One walk of the root is enough for all. */
  async #found({ forcible }: Survey) {
    const { root, log } = this.#services
    const found = new Map(forcible.map(({ slot }) => [slot, { repositories: 0, lastChange: null as number | null }]))
    if (found.size === 0) return found
    const onUnreadable = (path: string, err: unknown) =>
      log.warn({ path, err }, 'what is in this folder is not counted')
    for await (const { name, gitDir } of repositoriesBelow(root, onUnreadable)) {
      const one = found.get(slotOf(name))
      if (!one) continue
      one.repositories++
      const changed = await lastPush(gitDir)
      if (changed !== undefined) one.lastChange = Math.max(one.lastChange ?? 0, changed)
    }
    return found
  }
}

function refusalFor(cause: unknown): Refusal {
  if (cause instanceof Refusal) return cause
  if (cause instanceof NotMemberError) return new Refusal('not_forcible', { sentence: cause.message, cause })
  const said = cause instanceof Error ? cause.message : String(cause)
  return new Refusal('operation_failed', {
    sentence: `etcd could not be asked, and what was asked last may have been done: ${said} Look again without --yes.`,
    cause,
  })
}
