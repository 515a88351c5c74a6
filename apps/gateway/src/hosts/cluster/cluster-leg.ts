import { isHostsFault } from '@sluice/shared/host-protocol/from-host'
import type { Leg } from '../placement.ts'
import type { ClusterHost } from './cluster-host.ts'

export type LegKind = {
  readonly hasOther?: boolean
  /** The host is not known to serve the slot, and may know who does. Called when it answers the request itself. */
  readonly onServed?: () => void
}

/** An attempt at one host of a cluster. */
export class ClusterLeg implements Leg {
  readonly host: ClusterHost
  readonly term: number
  readonly hasOther: boolean
  readonly #onServed: (() => void) | undefined
  /** Of the slot's key. */
  readonly revision: number
  #turn: Disposable | undefined

  constructor(host: ClusterHost, term: number, revision: number, { hasOther = false, onServed }: LegKind) {
    this.host = host
    this.term = term
    this.revision = revision
    this.hasOther = hasOther
    this.#onServed = onServed
  }

  /** Whether its host is not known to serve the slot. */
  get isTeller(): boolean {
    return this.#onServed !== undefined
  }

  inTurn(turn: Disposable): this {
    this.#turn = turn
    return this
  }

  answered(reason: string | undefined): void {
    if (!isHostsFault(reason)) {
      this.host.breaker.answered()
      this.#onServed?.()
    }
    this[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    this.#turn?.[Symbol.dispose]()
  }
}
