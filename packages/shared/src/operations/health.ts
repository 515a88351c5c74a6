import { within } from '../machine/race.ts'

/** What `/readyz` says, in both applications. */
export type Readiness = {
  readonly status: 'ok' | 'unavailable'
  /** What is wrong first of all, in words; undefined where nothing is. */
  readonly reason: string | undefined
  /** Everything that was looked at: `ok`, or what is wrong. */
  readonly checks: Readonly<Record<string, string>>
}

/**
 * @param checks what is wrong, by what was looked at; undefined where nothing is
 * @param notes what is to be told beside that, and keeps nobody from being served
 */
export function readinessOf(
  checks: Readonly<Record<string, string | undefined>>,
  notes: Readonly<Record<string, string | undefined>> = {},
): Readiness {
  const reason = Object.values(checks).find((problem) => problem !== undefined)
  return {
    status: reason === undefined ? 'ok' : 'unavailable',
    reason,
    checks: Object.fromEntries(
      Object.entries({ ...checks, ...notes }).map(([name, problem]) => [name, problem ?? 'ok']),
    ),
  }
}

export function isReady({ status }: Readiness): boolean {
  return status === 'ok'
}

/** What a probe asks for: `/healthz/` and `/healthz?from=balancer` are `/healthz`. */
export function probedPath(target: string | undefined): string {
  return (target ?? '').split('?', 1)[0]!.replace(/(?<=.)\/$/, '')
}

/**
 * A look at something that may hang, such as a disk that is gone. However often it is asked for, one look is under way at
 * most, and nobody waits for it longer than `withinMs`.
 *
 * @returns a function that gives what `look` does, or `late`
 */
export function bounded<T>(look: () => Promise<T>, withinMs: number, late: T): () => Promise<T> {
  let underWay: Promise<T> | undefined
  return async () => {
    underWay ??= look().finally(() => (underWay = undefined))
    return await within(withinMs, underWay, late)
  }
}
