import { createHmac, randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { Refusal } from '@sluice/shared/refusal'
import type { Credentials } from './credentials.ts'

/** So many may fail before the next waits: a person who mistypes, git's several requests with an old password. */
const freeFailures = 3
const firstWaitMs = 125
const longestWaitMs = 5000
/** Of one source. More are refused at once. */
const mostWaiting = 4
/** Without another failure, a source's failures are forgotten, and log-ins that were right are no longer known. */
const rememberedMs = 10 * 60_000
const mostRemembered = 10_000

type Source = { failures: number; waiting: number; nextAt: number }

/** One attempt to log in; to be told how it went. */
export type Attempt = { succeeded(): void; failed(): void }

/**
 * Slows down who guesses: after a few failures, a source's attempts pass one at a time, each after a wait that doubles to
 * five seconds. Credentials that were right a short while ago never wait: others behind the same address lose nothing.
 */
export class LoginThrottle {
  readonly #sources = new LRUCache<string, Source>({ max: mostRemembered, ttl: rememberedMs })
  readonly #known = new LRUCache<string, true>({ max: mostRemembered, ttl: rememberedMs })
  /** Secrets are kept in memory only as what nobody can turn back, and anew with each start. */
  readonly #key = randomBytes(32)

  /**
   * Waits until the source may try.
   *
   * @throws {Refusal} `too_many_logins`
   * @throws the signal's reason
   */
  async admit(credentials: Credentials, source: string, signal: AbortSignal): Promise<Attempt> {
    const key = credentials.kind === 'unreadable' ? undefined : this.#digest(credentials.header)
    if (key === undefined || !this.#known.has(key)) await this.#waitForTurn(source, signal)
    return {
      succeeded: () => {
        if (key !== undefined) this.#known.set(key, true)
      },
      failed: () => {
        if (key !== undefined) this.#known.delete(key)
        const known = this.#sources.get(source) ?? { failures: 0, waiting: 0, nextAt: 0 }
        known.failures++
        this.#sources.set(source, known)
      },
    }
  }

  async #waitForTurn(source: string, signal: AbortSignal): Promise<void> {
    const known = this.#sources.get(source)
    if (known === undefined || known.failures < freeFailures) return
    const pause = Math.min(longestWaitMs, firstWaitMs * 2 ** (known.failures - freeFailures))
    const now = performance.now()
    if (known.waiting >= mostWaiting) {
      const seconds = Math.ceil((known.nextAt - now + pause) / 1000)
      throw new Refusal('too_many_logins', { headers: { 'Retry-After': String(Math.max(1, seconds)) } })
    }
    known.nextAt = Math.max(now, known.nextAt) + pause
    known.waiting++
    try {
      await wait(known.nextAt - now, undefined, { signal })
    } catch {
      throw signal.reason
    } finally {
      known.waiting--
    }
  }

  #digest(header: string): string {
    return createHmac('sha256', this.#key).update(header).digest('base64')
  }
}
