import { bounded, readinessOf } from '@sluice/shared/health'
import type { Readiness } from '@sluice/shared/health'
import type { Running } from '@sluice/shared/running'
import type { GitHost } from './choose-host.ts'
import { lookAtHost } from './host-connection.ts'

/** Longer than the host itself takes to say that something hangs. A host that is late is busy, not gone. */
const hostWithinMs = 8000

/** @returns a function that tells whether this gateway can serve, and if not, why */
export function readinessOfGateway(
  running: Running,
  host: GitHost,
  access: { readonly problem: string | undefined },
): () => Promise<Readiness> {
  const look = bounded(() => lookAtHost(host), hostWithinMs, 'no host answers')
  return async () => {
    // Who is leaving says so at once: a balancer has to learn of it in time, however busy the host is.
    if (running.isLeaving) return readinessOf({ accepting: 'draining' })
    return readinessOf({ accepting: undefined, access: access.problem, host: await look() })
  }
}
