import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Dispatcher } from 'undici'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { ask } from '@sluice/shared/testing/http'
import { until } from '@sluice/shared/testing/until'
import { HostPresence } from '../../src/hosts/host-presence.ts'
import type { Leg, Route } from '../../src/hosts/placement.ts'
import { PlayedHost } from '../hosts/cluster/played-cluster.ts'
import { forwardingServer, linkTo } from './forwarding-server.ts'

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
  const link = parts.use(linkTo(host))
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
  const server = parts.use(await forwardingServer(route))
  const headers = { 'Content-Type': 'application/x-git-receive-pack-request' }
  const body = Buffer.alloc(300_000, 'x')
  const asked = ask(server.address, '/r/git-receive-pack', {
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

test('a host that sends nothing but interim replies, for ever, is given up as a git that is silent', async () => {
  await using parts = new AsyncDisposableStack()
  const host = new PlayedHost('host-1', (incoming, outgoing) => {
    incoming.resume()
    const timer = setInterval(() => outgoing.writeProcessing(), 20)
    outgoing.once('close', () => clearInterval(timer))
  })
  await host.listen()
  parts.defer(() => host.stop())
  const link = parts.use(linkTo(host))
  const presence = parts.use(new HostPresence({ probe: async () => true, downAfter: 60_000 }))
  const gone = new AbortController().signal
  const leg: Leg = { host: { link, presence, gone }, term: 7, hasOther: true, answered() {}, [Symbol.dispose]() {} }
  const route: Route = { next: () => leg, hold: () => Promise.reject(new Error('not held')), missed() {} }
  const server = parts.use(await forwardingServer(route, { idleTimeout: 60_000, silentGitTimeout: 300 }))
  const headers = { 'Content-Type': 'application/x-git-receive-pack-request' }
  const push = (body: Buffer) => ask(server.address, '/r/git-receive-pack', { method: 'POST', headers, body })
  const asked = [ask(server.address, '/r/info/refs?service=git-upload-pack'), push(Buffer.alloc(8, 'x'))]
  for (const answer of [...asked, push(Buffer.alloc(300_000, 'x'))]) {
    const { status, headers: got, body } = await answer
    assert.deepEqual([status, got['sluice-reason']], [504, 'git_silent'], body)
  }
})
