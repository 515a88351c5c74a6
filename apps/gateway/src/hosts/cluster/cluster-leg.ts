import { isHostsFault } from '@sluice/shared/host-protocol/from-host'
import type { Leg } from '../placement.ts'
import type { ClusterHost } from './cluster-host.ts'

/** An attempt at one host of a cluster. */
export class ClusterLeg implements Leg {
  readonly host: ClusterHost
  readonly term: number
  readonly hasOther: boolean
  /** Of the slot's key. */
  readonly revision: number
  #turn: Disposable | undefined

  constructor(host: ClusterHost, term: number, hasOther: boolean, revision: number) {
    this.host = host
    this.term = term
    this.hasOther = hasOther
    this.revision = revision
  }

  inTurn(turn: Disposable): this {
    this.#turn = turn
    return this
  }

  answered(reason: string | undefined): void {
    if (!isHostsFault(reason)) this.host.breaker.answered()
    this[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    this.#turn?.[Symbol.dispose]()
  }
}
