import { within } from '../machine/race.ts'

/** What `/readyz` says, in both applications. */
export type Readiness = {
  readonly status: 'ok' | 'unavailable'
  /** The first problem, in words; undefined if there is none. */
  readonly reason: string | undefined
  /** The result of each check: `ok`, or what is wrong. */
  readonly checks: Readonly<Record<string, string>>
}

/**
 * @param checks by name: the problem, or undefined if there is none
 * @param notes the same for checks that do not make the application unready
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

/** The path that a probe means: `/healthz/` and `/healthz?from=balancer` are `/healthz`. */
export function probedPath(target: string | undefined): string {
  return (target ?? '').split('?', 1)[0]!.replace(/(?<=.)\/$/, '')
}

/**
 * Bounds a check of something that may hang, such as a disk that is gone. However often it is called, one check is
 * under way at most, and nobody waits for it longer than `withinMs`.
 *
 * @returns a function that resolves with the result of `look`, or with `late`
 */
export function bounded<T>(look: () => Promise<T>, withinMs: number, late: T): () => Promise<T> {
  let underWay: Promise<T> | undefined
  return async () => {
    underWay ??= look().finally(() => (underWay = undefined))
    return await within(withinMs, underWay, late)
  }
}
