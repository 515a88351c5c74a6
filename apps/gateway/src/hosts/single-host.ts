import { lookAtHost } from './host-probe.ts'
import type { Host } from './host.ts'
import type { Placement } from './placement.ts'

/** @param hostWait the milliseconds for which requests are held while the host is away */
export function singleHost(host: Host, hostWait: number): Placement {
  const { presence } = host
  let wasThere = false
  return {
    hostFor: async () => host,
    async reach() {
      const problem = await lookAtHost(host)
      wasThere ||= problem === undefined
      // Requests are held meanwhile. A balancer that sent them elsewhere, or nowhere, could not do that.
      const isHolding = wasThere && presence.isAway && presence.awayForMs < hostWait
      return problem === undefined || isHolding ? { share: 1, problem: undefined } : { share: 0, problem }
    },
    get waiting() {
      return presence.waiting
    },
  }
}
