import { lookAtHost } from './host-probe.ts'
import type { Host } from './host.ts'
import type { Leg, Miss, Placement, Route, Wanted } from './placement.ts'

/** @param hostWait the milliseconds for which requests are held while the host is away */
export function singleHost(host: Host, hostWait: number): Placement {
  const { presence } = host
  const leg: Leg = { host, term: undefined, hasOther: false, answered: () => {}, [Symbol.dispose]: () => {} }
  const reached = { share: 1, isEnough: true, problem: undefined, notes: {} }
  let wasThere = false
  return {
    route: ({ signal }) => new SingleRoute(leg, hostWait, signal),
    async reach() {
      const problem = await lookAtHost(host)
      wasThere ||= problem === undefined
      // Requests are held meanwhile. A balancer that sent them elsewhere, or nowhere, could not do that.
      const isHolding = wasThere && presence.isAway && presence.awayForMs < hostWait
      return problem === undefined || isHolding ? reached : { ...reached, share: 0, isEnough: false, problem }
    },
    get waiting() {
      return presence.waiting
    },
  }
}

class SingleRoute implements Route {
  readonly #leg: Leg
  readonly #hostWait: number
  readonly #signal: Wanted['signal']
  #breaks = 0
  #mustWait = false

  constructor(leg: Leg, hostWait: number, signal: AbortSignal) {
    this.#leg = leg
    this.#hostWait = hostWait
    this.#signal = signal
  }

  next(): Leg | undefined {
    // Where waiting is of no use, an attempt costs no more than a refusal, and finds out sooner when the host is back.
    const { isAway, isDown } = this.#leg.host.presence
    const isWorthWaiting = this.#hostWait > 0 && isAway && !isDown
    return this.#mustWait || isWorthWaiting ? undefined : this.#leg
  }

  async hold(withinMs: number, bytes: number): Promise<Leg> {
    const turn = await this.#leg.host.presence.untilThere(this.#signal, withinMs, bytes)
    const end = () => turn[Symbol.dispose]()
    return { ...this.#leg, answered: end, [Symbol.dispose]: end }
  }

  missed({ host }: Leg, { how, cause }: Miss): void {
    if (how === 'broke off') this.#breaks++
    // What broke off is sent again at once the first time.
    this.#mustWait = how !== 'broke off' || this.#breaks > 1
    if (this.#mustWait) host.presence.missed(cause)
  }
}
