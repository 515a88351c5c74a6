import { bounded, readinessOf } from '@sluice/shared/operations/health'
import type { Readiness } from '@sluice/shared/operations/health'
import type { Running } from '@sluice/shared/app/running'
import type { GitHost } from '../hosts/placement.ts'
import { lookAtHost } from '../hosts/host-connection.ts'

/** Longer than the host itself takes to say that something hangs. A host that is late is busy, not gone. */
const hostWithinMs = 8000

/** @returns a function that tells whether this gateway can serve, and if not, why */
export function readinessOfGateway(
  running: Running,
  host: GitHost,
  access: { readonly problem: string | undefined },
  hostWait: number,
): () => Promise<Readiness> {
  let wasThere = false
  const lookOrHold = async () => {
    const problem = await lookAtHost(host)
    wasThere ||= problem === undefined
    const { isAway, awayForMs } = host.presence
    // Requests are held meanwhile, which no balancer can do that sends them elsewhere, or nowhere.
    return wasThere && isAway && awayForMs < hostWait ? undefined : problem
  }
  const look = bounded(lookOrHold, hostWithinMs, 'no host answers')
  return async () => {
    // Who is leaving says so at once: a balancer has to learn of it in time, however busy the host is.
    if (running.isLeaving) return readinessOf({ accepting: 'draining' })
    return readinessOf({ accepting: undefined, access: access.problem, host: await look() })
  }
}
