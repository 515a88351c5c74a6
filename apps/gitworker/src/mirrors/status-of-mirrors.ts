import type { MirrorsStatus, MirrorStatus } from '../operations/host-status.ts'
import { maxListed } from '../operations/host-status.ts'
import type { MirrorState } from './mirror-state.ts'

/** Those that fail come first, and then those that are the furthest behind. */
export function mirrorsStatus(states: readonly MirrorState[]): MirrorsStatus {
  const now = Date.now()
  const lagOf = (state: MirrorState) => state.lag(now) ?? Infinity
  const order = (one: MirrorState, other: MirrorState) =>
    other.failures - one.failures || (lagOf(one) === lagOf(other) ? 0 : lagOf(other) - lagOf(one))
  return {
    inAll: states.length,
    failing: states.filter(({ failures }) => failures > 0).length,
    running: states.filter(({ phase }) => phase !== 'resting').length,
    mirrors: states.toSorted(order).slice(0, maxListed).map(statusOf),
  }
}

export function statusOf(state: MirrorState): MirrorStatus {
  const { mirror, phase, succeededAt, failures, lastFailure, gaveWay, dueAt } = state
  const now = Date.now()
  const lag = state.lag(now)
  return {
    repository: mirror.repository,
    upstream: mirror.upstream.url,
    phase,
    lastSuccess: succeededAt === undefined ? undefined : new Date(succeededAt).toISOString(),
    lagSeconds: lag === undefined ? undefined : Math.round(lag / 1000),
    failures,
    lastFailure: lastFailure && {
      at: new Date(lastFailure.at).toISOString(),
      reason: lastFailure.failure,
      said: lastFailure.said,
    },
    gaveWay,
    nextInSeconds: phase === 'resting' ? Math.max(0, Math.round((dueAt - performance.now()) / 1000)) : undefined,
  }
}
