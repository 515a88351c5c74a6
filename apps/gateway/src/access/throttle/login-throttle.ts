import { createHmac, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { Refusal } from '@sluice/shared/refusal/refusal'
import { orAborted } from '@sluice/shared/machine/race'
import { LoginGate } from './login-gate.ts'
import type { Clock } from './login-gate.ts'

/** Sending the same wrong log-in again is no guess. A client in a loop does it, and slows down only itself. */
const freeRepeats = 1
/** How many different secrets may fail for one name before the next one waits: people mistype. */
const freeForName = 3
/** How many log-ins of one client may fail before its attempts for other names wait as well. */
const freeForClient = 20
const firstPauseMs = 125
const longestPauseMs = 5000
/**
 * The pause between two attempts of a client with many failures: for names with few failures, and for names with many.
 */
const freshPauseMs = 500
const stalePauseMs = 1000
/** How many may wait in one line. More are refused at once. */
const mostInLine = 4
const mostInClientsLine = 32
/** How long failures are remembered after the last one. */
const rememberedMs = 10 * 60_000
const mostRemembered = 10_000

/** One log-in. `client` is an address or a network. Only digests of these are kept. */
export type Login = { readonly client: string; readonly name: string; readonly secret: string }

/** How an attempt ended. `unknown`: it could not be checked, or nobody waited for the result. */
export type Verdict = 'right' | 'unknown' | Refusal

/** One attempt to log in. It must be settled. */
export type Attempt = { settle(verdict: Verdict): void }

/**
 * Slows down clients that guess, and no others. Failures are counted in three places, and each place has a gate:
 *
 *     the log-in itself (client, name, secret) ──▶ the name (client, name) ──▶ the client
 *
 * A repeated log-in counts only for itself, so clients that loop with an old password slow down only each other.
 * Another secret for a name counts for the name, so further guesses for it wait longer and longer. Every new log-in
 * counts for its client, so trying many names is no way around. The attempts of a client with many failures go one by
 * one. Its names with few failures have a line of their own. The length of that line bounds the wait in it.
 *
 * The same log-in is tried only once at a time: other requests with it wait for the verdict.
 */
export class LoginThrottle {
  readonly #clock: Clock
  readonly #logins: LRUCache<string, Marks>
  readonly #names: LRUCache<string, Marks>
  readonly #clients: LRUCache<string, ClientMarks>
  readonly #underWay = new Map<string, Promise<Verdict>>()
  /** How many secrets of each name are being checked. Each may turn out to be a guess. */
  readonly #checking = new Map<string, number>()
  /** For digests: names and secrets are not kept as they are, since a token may be sent as either. */
  readonly #key = randomBytes(32)

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
    const options = { max: mostRemembered, ttl: rememberedMs, perf: clock, ttlResolution: 0 }
    this.#logins = new LRUCache(options)
    this.#names = new LRUCache(options)
    this.#clients = new LRUCache(options)
  }

  /** How many failures are remembered, by log-in, name and client. */
  get size(): number {
    return this.#logins.size + this.#names.size + this.#clients.size
  }

  /**
   * Waits until this may be tried.
   *
   * @returns the attempt, or the verdict on the same log-in, where another request has tried it in the meantime
   * @throws {Refusal} `too_many_logins`
   * @throws the signal's reason
   */
  async admit(login: Login, signal: AbortSignal): Promise<Attempt | 'right' | Refusal> {
    const key = this.#digest(login.client, login.name, login.secret)
    for (let same = this.#underWay.get(key); same; same = this.#underWay.get(key)) {
      const verdict = await orAborted(same, signal)
      if (verdict !== 'unknown') return verdict
    }
    const { promise, resolve } = Promise.withResolvers<Verdict>()
    this.#underWay.set(key, promise)
    const end = (verdict: Verdict) => {
      this.#underWay.delete(key)
      resolve(verdict)
    }
    const name = this.#digest(login.client, login.name)
    try {
      await this.#waitForTurn(key, name, login.client, signal)
    } catch (error) {
      end('unknown')
      throw error
    }
    return {
      settle: (verdict) => {
        this.#count(name, -1)
        if (typeof verdict !== 'string') this.#mark(key, name, login.client)
        end(verdict)
      },
    }
  }

  async #waitForTurn(key: string, name: string, client: string, signal: AbortSignal): Promise<void> {
    const ofLogin = this.#logins.get(key)
    if (ofLogin) await ofLogin.gate.pass(pauseAfter(ofLogin.failures - freeRepeats), mostInLine, signal)
    else {
      const waiting = this.#waitWithOthers(name, client, signal)
      if (waiting) await waiting
    }
    this.#count(name, 1)
  }

  /** Returns undefined if there is no need to wait, so that attempts of the same moment are counted. */
  #waitWithOthers(name: string, client: string, signal: AbortSignal): Promise<void> | undefined {
    const tried = (this.#names.get(name)?.failures ?? 0) + (this.#checking.get(name) ?? 0)
    const isStale = tried >= freeForName
    const ofClient = this.#clients.get(client)
    const hasBadMarks = ofClient !== undefined && ofClient.failures >= freeForClient
    if (!isStale) return hasBadMarks ? ofClient.freshGate.pass(freshPauseMs, mostInClientsLine, signal) : undefined
    const { gate } = marksOf(this.#names, name, () => newMarks(this.#clock))
    const passed = gate.pass(pauseAfter(tried - freeForName), mostInLine, signal)
    return hasBadMarks ? passed.then(() => ofClient.gate.pass(stalePauseMs, mostInClientsLine, signal)) : passed
  }

  #count(name: string, change: 1 | -1): void {
    const count = (this.#checking.get(name) ?? 0) + change
    if (count === 0) this.#checking.delete(name)
    else this.#checking.set(name, count)
  }

  #mark(key: string, name: string, client: string): void {
    const isRepeat = this.#logins.has(key)
    marksOf(this.#logins, key, () => newMarks(this.#clock)).failures++
    if (isRepeat) return
    marksOf(this.#names, name, () => newMarks(this.#clock)).failures++
    marksOf(this.#clients, client, () => newClientMarks(this.#clock)).failures++
  }

  #digest(...parts: string[]): string {
    return createHmac('sha256', this.#key).update(JSON.stringify(parts)).digest('base64')
  }
}

type Marks = { failures: number; readonly gate: LoginGate }
type ClientMarks = Marks & { readonly freshGate: LoginGate }

function newMarks(clock: Clock): Marks {
  return { failures: 0, gate: new LoginGate(clock) }
}

function newClientMarks(clock: Clock): ClientMarks {
  return { ...newMarks(clock), freshGate: new LoginGate(clock) }
}

/** The marks under a key, which are made if there are none. Their time to live starts again. */
function marksOf<M extends Marks>(table: LRUCache<string, M>, key: string, make: () => M): M {
  const marks = table.get(key) ?? make()
  table.set(key, marks)
  return marks
}

function pauseAfter(failuresBeyondFree: number): number {
  return Math.min(longestPauseMs, firstPauseMs * 2 ** failuresBeyondFree)
}

const systemClock: Clock = {
  now: () => performance.now(),
  wait: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }),
}
