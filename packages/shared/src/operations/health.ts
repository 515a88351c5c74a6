import { within } from '../machine/race.ts'

/** What `/readyz` says, in both applications. */
export type Readiness = {
  readonly status: 'ok' | 'unavailable'
  /** The first thing that is wrong, in words; undefined where nothing is. */
  readonly reason: string | undefined
  /** The result of each check: `ok`, or what is wrong. */
  readonly checks: Readonly<Record<string, string>>
}

/**
 * @param checks what is wrong, by the name of the check; undefined where nothing is
 * @param notes the same for checks that do not keep anybody from being served
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
