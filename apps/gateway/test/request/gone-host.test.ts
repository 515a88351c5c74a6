import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { Dispatcher } from 'undici'
import { Exchange } from '@sluice/shared/exchange/exchange'
import { parseGitRequest } from '@sluice/shared/git/git-route'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { openTracing } from '@sluice/shared/telemetry/tracing'
import { ask } from '@sluice/shared/testing/http'
import { until } from '@sluice/shared/testing/until'
import { HostConnections } from '../../src/hosts/host-connections.ts'
import { HostPresence } from '../../src/hosts/host-presence.ts'
import type { Leg, Route } from '../../src/hosts/placement.ts'
import { KeptBody } from '../../src/request/kept-body.ts'
import { newRecord } from '../../src/request/request-record.ts'
import { forwardWithRetry } from '../../src/request/retry.ts'
import { PlayedHost } from '../hosts/cluster/played-cluster.ts'

/** What undici is given, and does not begin: there is no connection yet. */
class Connecting {
  handler: Dispatcher.DispatchHandler | undefined

  dispatch(_: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    this.handler = handler
    return true
  }
}

test('a push whose host goes while it is being connected to is sent to the next one, whole and once', async () => {
  await using parts = new AsyncDisposableStack()
  const host = new PlayedHost('host-2', (incoming, outgoing) => {
    let bytes = 0
    incoming.on('data', (chunk: Buffer) => (bytes += chunk.length))
    incoming.on('end', () => outgoing.end(String(bytes)))
  })
  await host.listen()
  parts.defer(() => host.stop())
  const credentials = {
    secret: undefined,
    tls: undefined,
    onNewTls: () => ({ [Symbol.dispose]() {} }),
    [Symbol.dispose]() {},
  }
  const port = Number(host.address.split(':')[1])
  const link = parts.use(new HostConnections({ kind: 'tcp', host: '127.0.0.1', port }, credentials))
  const presence = parts.use(new HostPresence({ probe: async () => true, downAfter: 60_000 }))
  const gone = new AbortController()
  const connecting = new Connecting()
  const dispatcher = connecting as unknown as Dispatcher
  const legTo = (to: Leg['host']): Leg => ({
    host: to,
    term: 7,
    hasOther: false,
    answered() {},
    [Symbol.dispose]() {},
  })
  const legs = [
    legTo({ link: { dispatcher, singleUse: dispatcher, secret: undefined }, presence, gone: gone.signal }),
    legTo({ link, presence }),
  ]
  const missed: string[] = []
  const route: Route = {
    next: () => legs.shift(),
    hold: async () => await Promise.reject(new Refusal('host_unreachable')),
    missed: (_, { how }) => void missed.push(how),
  }
  const placement = { route: () => route, reach: () => Promise.reject(new Error('not asked')), waiting: 0 }
  const tracing = await openTracing('gateway', undefined, () => {})
  const server = createServer((incoming, outgoing) => {
    const exchange = new Exchange(incoming, outgoing, { clientAddress: '192.0.2.1', takesInterimReplies: false })
    const serve = async () => {
      const request = parseGitRequest(incoming)
      const body = await KeptBody.read(exchange)
      const grant = { user: undefined, mayCreate: true }
      const forwarded = { exchange, request, grant, span: tracing.begin({}, ''), body, report: undefined }
      const about = { repository: 'r', client: 'c', clientAddress: 'c' }
      const limits = { hostWait: 0, idleTimeout: 60_000, silentGitTimeout: 60_000 }
      await forwardWithRetry(forwarded, about, newRecord(), { placement, ...limits })
      await exchange.finish()
    }
    serve().catch((error: unknown) => exchange.refuse(Refusal.from(error)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  parts.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  const headers = { 'Content-Type': 'application/x-git-receive-pack-request' }
  const body = Buffer.alloc(300_000, 'x')
  const asked = ask(`127.0.0.1:${(server.address() as AddressInfo).port}`, '/r/git-receive-pack', {
    method: 'POST',
    headers,
    body,
  })
  const { handler } = await until('the attempt', () => connecting.handler && connecting)
  gone.abort()
  assert.equal((await asked).body, '300000')
  assert.deepEqual([missed, host.requests.length], [['not begun'], 1])
  // The connection comes about in the end, and nothing is sent over it.
  const aborts: Error[] = []
  const controller = { abort: (error: Error) => aborts.push(error) } as unknown as Dispatcher.DispatchController
  handler!.onRequestStart!(controller, {})
  assert.equal(aborts.length, 1)
})
