import { setTimeout as pause } from 'node:timers/promises'
import { ConfigError } from '@sluice/shared/config/config-error'
import { CoordinatorError } from '@sluice/shared/coordinator/coordinator'
import type { Registration } from './registration.ts'

/** How long a start waits for a coordinator that does not answer: both may start at the same time. Milliseconds. */
const longestSilenceMs = 8000

const betweenAttemptsMs = 200

/**
 * Joins a cluster for the first time since the start.
 *
 * @param ttl of the lease, in milliseconds
 * @throws {ConfigError} where another host has the name, or the coordinator does not answer
 */
export async function becomeMember(registration: Registration, name: string, ttl: number): Promise<void> {
  const since = performance.now()
  // A predecessor of the same name that was killed is there until its lease has ended. etcd looks twice a second.
  const longestTakenMs = ttl * 1.5 + 1000
  for (;;) {
    const attempt = await patiently(since, () => registration.attempt())
    if (attempt.kind === 'member') return
    if (attempt.kind === 'taken' && performance.now() - since > longestTakenMs) {
      throw nameIsTaken(name, attempt.address)
    }
    await pause(betweenAttemptsMs)
  }
}

export function nameIsTaken(name: string, address: string): ConfigError {
  const problem = `SLUICE_HOST_NAME=${name}: a host of this name lives already, at ${address}. Stop that one, or give this one another name.`
  return new ConfigError([problem], { mayHeal: true })
}

/** Tries again for a while where the coordinator does not answer. @throws {ConfigError} where it never does */
export async function patiently<T>(since: number, act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof CoordinatorError)) throw error
      if (performance.now() - since > longestSilenceMs) {
        throw new ConfigError([`SLUICE_ETCD: ${error.message}`], { mayHeal: true })
      }
      await pause(betweenAttemptsMs)
    }
  }
}
