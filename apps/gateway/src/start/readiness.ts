import { bounded, readinessOf } from '@sluice/shared/operations/health'
import type { Readiness } from '@sluice/shared/operations/health'
import type { Running } from '@sluice/shared/app/running'
import type { Placement, Reach } from '../hosts/placement.ts'

/** Longer than the host itself takes to say that something hangs. A host that is late is busy, not gone. */
const hostsWithinMs = 8000

const late: Reach = { share: 0, isEnough: false, problem: 'no host answers', notes: {} }

/**
 * A gateway that reaches too few hosts is not ready. One that reaches some of them is, and says how much it can serve.
 *
 * @returns a function that tells whether this gateway can serve, and if not, why
 */
export function readinessOfGateway(
  running: Pick<Running, 'isLeaving'>,
  placement: Pick<Placement, 'reach'>,
  access: { readonly problem: string | undefined },
): () => Promise<Readiness> {
  const look = bounded(() => placement.reach(), hostsWithinMs, late)
  return async () => {
    // A gateway that is leaving says so at once: a balancer has to learn of it in time, however busy the hosts are.
    if (running.isLeaving) return readinessOf({ accepting: 'draining' })
    const { share, isEnough, problem, notes } = await look()
    const words = share > 0 && share < 1 ? partial(share, problem) : problem
    const host = { host: words }
    const checks = { accepting: undefined, access: access.problem, ...(!isEnough && host) }
    return readinessOf(checks, { ...(isEnough && host), ...notes })
  }
}

function partial(share: number, problem: string | undefined): string {
  return `${Math.floor(share * 100)}% of all repositories can be served: ${problem}`
}
