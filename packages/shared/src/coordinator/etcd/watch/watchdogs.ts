import { addAbortListener } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import type { Member, Members } from '../members/members.ts'

/** A member that is stopped, or cut off, does not end its watches. So it is asked something now and then. */
const probeEveryMs = 1000

export const probeMs = 2000

/** Asks the members that watches are at: each one once, however many these are. */
export class Watchdogs {
  readonly #members: Members
  /** By endpoint, those at work. */
  readonly #dogs = new Map<string, Watchdog>()

  constructor(members: Members) {
    this.#members = members
  }

  /** @returns a signal that is aborted when the member does not answer, with the other one, and when it is disposed of */
  watchOver(member: Member, outer: AbortSignal): Disposable & { readonly signal: AbortSignal } {
    const dog = this.#dogs.get(member.endpoint) ?? this.#begin(member)
    dog.watches++
    const over = new AbortController()
    const listeners = [outer, dog.failed.signal].map((signal) => {
      return addAbortListener(signal, () => over.abort(signal.reason))
    })
    let isDisposed = false
    return {
      signal: over.signal,
      [Symbol.dispose]: () => {
        if (isDisposed) return
        isDisposed = true
        for (const listener of listeners) listener[Symbol.dispose]()
        over.abort()
        if (--dog.watches === 0) this.#end(member, dog)
      },
    }
  }

  #begin(member: Member): Watchdog {
    const dog = { watches: 0, failed: new AbortController(), unwatched: new AbortController() }
    this.#dogs.set(member.endpoint, dog)
    this.#ask(member, dog.unwatched.signal).catch((error: unknown) => {
      this.#end(member, dog)
      dog.failed.abort(error)
    })
    return dog
  }

  #end(member: Member, dog: Watchdog): void {
    // Watches that have come since it failed have another one.
    if (this.#dogs.get(member.endpoint) === dog) this.#dogs.delete(member.endpoint)
    dog.unwatched.abort()
  }

  async #ask(member: Member, signal: AbortSignal): Promise<never> {
    for (;;) {
      await setTimeout(probeEveryMs, undefined, { signal })
      await this.#members.client.probe(member.endpoint, probeMs, signal)
      this.#members.works(member)
    }
  }
}

type Watchdog = {
  /** How many watches are at its member. */
  watches: number
  readonly failed: AbortController
  readonly unwatched: AbortController
}
