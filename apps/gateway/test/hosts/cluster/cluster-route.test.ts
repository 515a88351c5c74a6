import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { clusterKeys } from '@sluice/shared/placement/keys'
import { slotOf } from '@sluice/shared/placement/slot'
import { writeSlotRecord } from '@sluice/shared/placement/slot-record'
import { standStill } from '@sluice/shared/testing/stand-still'
import { Breaker } from '../../../src/hosts/cluster/breaker.ts'
import type { ClusterHost } from '../../../src/hosts/cluster/cluster-host.ts'
import { ClusterRoute } from '../../../src/hosts/cluster/cluster-route.ts'
import { HeldRequests } from '../../../src/hosts/cluster/held-requests.ts'
import type { KnownHosts } from '../../../src/hosts/cluster/known-hosts.ts'
import { SlotTable } from '../../../src/hosts/cluster/slot-table.ts'
import { Tellers } from '../../../src/hosts/cluster/tellers.ts'
import { HostPresence } from '../../../src/hosts/host-presence.ts'

const keys = clusterKeys('/sluice/')

/** A push to a repository of host-1, which is never there again once it was missed. */
async function pushTo({ downAfter = 60_000 } = {}) {
  const table = new SlotTable(keys, { onChange() {}, onInvalid() {}, onWentBack() {} })
  const record = { primary: 'host-1', copies: ['host-1'], inSync: ['host-1'], next: undefined, term: undefined }
  const entry = { key: keys.slot(slotOf('r')), value: writeSlotRecord(record), revision: 5 }
  await table.take({ kind: 'all', revision: 5, entries: [entry] })
  const presence = new HostPresence({ probe: async () => false, downAfter })
  const host = { name: 'host-1', presence, breaker: new Breaker(), seed: 1, record: {} } as unknown as ClusterHost
  const hosts = new Map([[host.name, host]]) as unknown as KnownHosts
  const route = new ClusterRoute(
    {
      repository: 'r',
      client: 'c',
      clientAddress: '127.0.0.1',
      purpose: 'write',
      signal: new AbortController().signal,
    },
    {
      table,
      hosts,
      held: new HeldRequests(),
      tellers: new Tellers(hosts, () => false),
      hostWait: 1000,
      downAfter,
      isKnown: () => true,
      problem: () => undefined,
      onTold() {},
      onMissed() {},
    },
  )
  return { route, presence, [Symbol.dispose]: () => presence[Symbol.dispose]() }
}

const notAnswering = {
  reason: 'host_unreachable',
  sentence: 'The host that keeps this repository, host-1, is not answering. Please try again in a moment.',
}

describe('a request that was held for too long is refused in words that say what it waited for', () => {
  test('though its slot may be asked for again, where this process stood still', async () => {
    using pushing = await pushTo()
    const { route } = pushing
    route.missed(route.next()!, { how: 'misplaced', cause: new Error('elsewhere'), told: undefined })
    const held = route.hold(300, 0)
    // For longer than news of the slot is waited for. Requests look again before the timer that ends the wait.
    standStill(2000)
    await assert.rejects(held, { reason: 'slot_down' })
  })

  test('though a host for it was found, where this process stood still', async () => {
    using pushing = await pushTo()
    const held = pushing.route.hold(50, 0)
    standStill(60)
    await assert.rejects(held, notAnswering)
  })

  test('with the cause that the host is missed for, though others have found that out', async () => {
    using pushing = await pushTo()
    const cause = new Error('connect ECONNREFUSED')
    pushing.presence.missed(cause)
    await assert.rejects(pushing.route.hold(50, 0), { ...notAnswering, cause })
  })

  test('at once where its host is down, with the cause that the host is missed for', async () => {
    using pushing = await pushTo({ downAfter: -1 })
    const cause = new Error('connect ECONNREFUSED')
    pushing.presence.missed(cause)
    await assert.rejects(pushing.route.hold(60_000, 0), { ...notAnswering, cause })
  })
})
