import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
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

type Asked = { readonly purpose?: 'read' | 'write'; readonly downAfter?: readonly number[] }

/** A request to a repository of host-1, and of others. None is ever there again once it was missed. */
async function requestTo({ purpose = 'write', downAfter = [60_000] }: Asked = {}) {
  const table = new SlotTable(keys, { onChange() {}, onInvalid() {}, onWentBack() {} })
  const names = downAfter.map((_, at) => `host-${at + 1}`)
  const record = { primary: 'host-1', copies: names, inSync: names, next: undefined, term: undefined }
  const entry = { key: keys.slot(slotOf('r')), value: writeSlotRecord(record), revision: 5 }
  await table.take({ kind: 'all', revision: 5, entries: [entry] })
  const presences = downAfter.map((ms) => new HostPresence({ probe: async () => false, downAfter: ms }))
  const hostAt = (name: string, at: number) =>
    ({ name, presence: presences[at]!, breaker: new Breaker(), seed: at + 1, record: {} }) as unknown as ClusterHost
  const hosts = new Map(names.map((name, at) => [name, hostAt(name, at)])) as unknown as KnownHosts
  const ending = new AbortController()
  const route = new ClusterRoute(
    {
      repository: 'r',
      client: 'c',
      clientAddress: '127.0.0.1',
      purpose,
      signal: ending.signal,
    },
    {
      table,
      hosts,
      held: new HeldRequests(),
      tellers: new Tellers(hosts, () => false),
      hostWait: 1000,
      downAfter: 60_000,
      isKnown: () => true,
      problem: () => undefined,
      onTold() {},
      onMissed() {},
    },
  )
  return {
    route,
    presences,
    missed: (cause: unknown) => presences.forEach((presence) => presence.missed(cause)),
    [Symbol.dispose]() {
      ending.abort()
      for (const presence of presences) presence[Symbol.dispose]()
    },
  }
}

const notAnswering = {
  reason: 'host_unreachable',
  sentence: 'The host that keeps this repository, host-1, is not answering. Please try again in a moment.',
}

describe('a request that was held for too long is refused in words that say what it waited for', () => {
  test('though its slot may be asked for again, where this process stood still', async () => {
    using pushing = await requestTo()
    const { route } = pushing
    route.missed(route.next()!, { how: 'misplaced', cause: new Error('elsewhere'), told: undefined })
    const held = route.hold(300, 0)
    // For longer than news of the slot is waited for. Requests look again before the timer that ends the wait.
    standStill(2000)
    await assert.rejects(held, { reason: 'slot_down' })
  })

  test('though a host for it was found, where this process stood still', async () => {
    using pushing = await requestTo()
    const held = pushing.route.hold(50, 0)
    standStill(60)
    await assert.rejects(held, notAnswering)
  })

  test('with the cause that the host is missed for, though others have found that out', async () => {
    using pushing = await requestTo()
    const cause = new Error('connect ECONNREFUSED')
    pushing.missed(cause)
    await assert.rejects(pushing.route.hold(50, 0), { ...notAnswering, cause })
  })

  test('at once where its host is down, with the cause that the host is missed for', async () => {
    using pushing = await requestTo({ downAfter: [-1] })
    const cause = new Error('connect ECONNREFUSED')
    pushing.missed(cause)
    await assert.rejects(pushing.route.hold(60_000, 0), { ...notAnswering, cause })
  })
})

describe('a read whose copies are all away is held for one that may be back in a moment', () => {
  for (const downAfter of [
    [-1, 60_000],
    [60_000, -1],
  ]) {
    test(`not refused because host-${downAfter.indexOf(-1) + 1} has been away for longer`, async () => {
      using reading = await requestTo({ purpose: 'read', downAfter })
      reading.missed(new Error('connect ECONNREFUSED'))
      assert.equal(reading.route.next(), undefined)
      const held = reading.route.hold(60_000, 0).then(
        () => 'sent',
        (error: Error) => error.message,
      )
      assert.equal(await Promise.race([held, pause(50, 'held')]), 'held')
    })
  }
})
