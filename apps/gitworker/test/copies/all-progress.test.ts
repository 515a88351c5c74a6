import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Address } from '@sluice/shared/network/address'
import { serveHttp } from '@sluice/shared/testing/serve-http'
import { HostLinks } from '../../src/copies/link/host-links.ts'
import { progressOfAll } from '../../src/copies/progress/all-progress.ts'
import { progressPath } from '../../src/copies/progress/told-progress.ts'
import { serveProgress } from '../../src/copies/server/serve-progress.ts'
import type { SlotView } from '../../src/copies/slot-view.ts'

const counts = { slotsLeft: 3, slotsDone: 1, slotsFailed: 0, repositories: 2 }
const here = { catchingUp: [{ copy: 'two', ...counts }], problems: [] }
const problem = { slot: 9, copy: 'one', why: '"team/app": no space' }
const there = { catchingUp: [], problems: [problem], counts: { in_sync: 1, under_way: 0, failed: 1, away: 0 } }

test('a host asks all that live what they bring, and names those that do not say', async () => {
  await using server = await serveHttp((incoming, outgoing) => {
    if (incoming.url === progressPath) void serveProgress({ progressHere: () => there }, incoming, outgoing)
    else outgoing.writeHead(404).end('no such address\n')
  })
  const { port } = server
  const addresses = new Map<string, Address>([['two', { kind: 'tcp', host: '127.0.0.1', port }]])
  addresses.set('three', { kind: 'tcp', host: '127.0.0.1', port: 1 })
  const view = { name: 'one', addressOf: (host: string) => addresses.get(host) } as unknown as SlotView
  using links = new HostLinks({ secret: undefined, tls: undefined })
  const all = new Map(['one', 'three', 'two'].map((name) => [name, {}]))
  const progress = await progressOfAll({ view, hosts: { all }, links, progressHere: () => here })
  assert.deepEqual(progress.catchingUp, [{ by: 'one', copy: 'two', ...counts }])
  assert.deepEqual(progress.notBrought, [{ by: 'two', ...problem }])
  assert.deepEqual(
    progress.unasked.map(({ host }) => host),
    ['three'],
  )
  assert.match(progress.unasked[0]!.why, /ECONNREFUSED/)
})
