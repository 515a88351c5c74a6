import { createHmac, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { Refusal } from '@sluice/shared/refusal/refusal'
import { orAborted } from '@sluice/shared/machine/race'
import { LoginGate } from './login-gate.ts'
import type { Clock } from './login-gate.ts'

/** The same wrong log-in again teaches nobody anything. It is a loop, and slows down nobody but itself. */
const freeRepeats = 1
/** So many different secrets may fail for one name before the next waits: a person who mistypes. */
const freeForName = 3
/** So many may fail for all names of one client before names that nothing is known of wait as well. */
const freeForClient = 20
const firstPauseMs = 125
const longestPauseMs = 5000
/** Between two attempts of a client with bad marks: for names with few failures, and for those with many. */
const freshPauseMs = 500
const stalePauseMs = 1000
/** More than so many in one line are refused at once. */
const mostInLine = 4
const mostInClientsLine = 32
/** Failures are forgotten after so long without another. */
const rememberedMs = 10 * 60_000
const mostRemembered = 10_000

/** Who tries to log in, and with what: `client` is an address or a network. None of it is kept as it is. */
export type Login = { readonly client: string; readonly name: string; readonly secret: string }

/** How an attempt ended. `unknown`: nobody could tell, or nobody waited for it. */
export type Verdict = 'right' | 'unknown' | Refusal

/** One attempt to log in: to be settled. */
export type Attempt = { settle(verdict: Verdict): void }

/**
 * Slows down who guesses, and nobody else. What fails leaves marks in three places, and each has its gate:
 *
 *     the log-in itself (client, name, secret) ──▶ the name (client, name) ──▶ the client
 *
 * The same log-in again marks only itself: clients that loop with an old password are in each other's way, and in nobody
 * else's. Another secret for a name marks the name, so that its other guesses wait longer and longer. And everything that is
 * new marks the client, so that going through many names is no way around: with many marks, its attempts go one by one,
 * names with few failures in a line of their own, where nobody waits longer than the line is long.
 *
 * The same log-in is tried once at a time: who comes meanwhile waits for the verdict.
 */
export class LoginThrottle {
  readonly #clock: Clock
  readonly #logins: LRUCache<string, Marks>
  readonly #names: LRUCache<string, Marks>
  readonly #clients: LRUCache<string, ClientMarks>
  readonly #underWay = new Map<string, Promise<Verdict>>()
  /** How many secrets of a name are being checked: each may turn out to be a guess. */
  readonly #checking = new Map<string, number>()
  /** Names and secrets (a token may be sent as either) are kept only as what nobody can turn back. */
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
   * @returns the attempt, or what the same log-in, tried meanwhile by another request, has come to
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

  /** Without a pause, nothing is waited for: what comes in the same moment counts. */
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

/** What was marked before, remembered anew. */
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
