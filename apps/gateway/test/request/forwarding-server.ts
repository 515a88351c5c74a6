import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Exchange } from '@sluice/shared/exchange/exchange'
import { parseGitRequest } from '@sluice/shared/git/git-route'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { openTracing } from '@sluice/shared/telemetry/tracing'
import { HostConnections } from '../../src/hosts/host-connections.ts'
import type { Route } from '../../src/hosts/placement.ts'
import { limitIdleness } from '../../src/request/idleness.ts'
import type { IdlenessLimits } from '../../src/request/idleness.ts'
import { KeptBody } from '../../src/request/kept-body.ts'
import { newRecord } from '../../src/request/request-record.ts'
import { forwardWithRetry } from '../../src/request/retry.ts'
import type { PlayedHost } from '../hosts/cluster/played-cluster.ts'

const patient = { idleTimeout: 60_000, silentGitTimeout: 60_000 }

/** What a gateway does with requests on their way to hosts, and nothing else of it. */
export async function forwardingServer(
  route: Route,
  limits: IdlenessLimits = patient,
): Promise<Disposable & { readonly address: string }> {
  const placement = { route: () => route, reach: () => Promise.reject(new Error('not asked')), waiting: 0 }
  const tracing = await openTracing('gateway', undefined, () => {})
  const server = createServer((incoming, outgoing) => {
    const exchange = new Exchange(incoming, outgoing, { clientAddress: '192.0.2.1', takesInterimReplies: false })
    const serve = async () => {
      const request = parseGitRequest(incoming)
      const record = newRecord()
      limitIdleness(exchange, limits, record)
      const body = request.kind === 'rpc' ? await KeptBody.read(exchange) : undefined
      const grant = { user: undefined, mayCreate: true }
      const forwarded = { exchange, request, grant, span: tracing.begin({}, ''), body, report: undefined }
      const about = { repository: 'r', client: 'c', clientAddress: 'c' }
      await forwardWithRetry(forwarded, about, record, { placement, hostWait: 0, ...limits })
      await exchange.finish()
    }
    serve().catch((error: unknown) => exchange.refuse(Refusal.from(error)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** The way to a host that a test plays. */
export function linkTo(host: PlayedHost): HostConnections {
  const port = Number(host.address.split(':')[1])
  const credentials = {
    secret: undefined,
    tls: undefined,
    onNewTls: () => ({ [Symbol.dispose]() {} }),
    [Symbol.dispose]() {},
  }
  return new HostConnections({ kind: 'tcp', host: '127.0.0.1', port }, credentials)
}
