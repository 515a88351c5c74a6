import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { formatAddress } from '@sluice/shared/network/address'
import { clusterPages } from '@sluice/shared/operations/cluster-pages'
import { openOperations } from '@sluice/shared/operations/operations'
import type { ClusterStatus } from '@sluice/shared/placement/cluster-status'
import type { ClusterView } from '@sluice/shared/placement/cluster-view'
import { Chromium, findChromium } from '@sluice/shared/testing/chromium'
import { ask } from '@sluice/shared/testing/http'
import { patienceMs } from '@sluice/shared/testing/patience'
import { until } from '@sluice/shared/testing/until'

/** A page is waited for several times. */
const withinMs = 5 * patienceMs

/** A third of the slots for each of three hosts. */
const calm: ClusterView = viewOf(['host-1', 'host-2', 'host-3'])

/** The third host is gone, and some slots move. */
const troubled: ClusterView = {
  ...viewOf(['host-1', 'host-2'], (slot) => (slot % 30 === 0 ? 'host-2' : undefined)),
  awayForMs: 65_000,
  troubles: new Map([['host-2', 'connection refused']]),
}

const extreme: ClusterView = {
  ...calm,
  by: { app: 'supervisor', name: 'h'.repeat(63) },
  hosts: new Map([['<b>x</b>'.repeat(7), { ...record(1), address: `${'a'.repeat(290)}:1`, zone: 'z'.repeat(100) }]]),
}

/** Fifty hosts whose names are as long as names may be. The last one is gone. */
const crowded: ClusterView = {
  ...calm,
  hosts: new Map(Array.from({ length: 49 }, (_, index) => [longName(index), record(index + 1)])),
  slots: calm.slots.map((_, slot) => {
    const primary = longName(slot % 50)
    return { primary, copies: [primary], inSync: [primary], next: undefined, term: 7 }
  }),
}

function longName(number: number): string {
  return `${String(number).padStart(2, '0')}-${'repository-storage.'.repeat(3)}x`
}

function record(number: number) {
  const address = `10.0.0.${number}:9000`
  return { address, version: '1.0.0', weight: 100, zone: 'rack-1', run: 'a', isLeaving: number === 2 }
}

function viewOf(live: readonly string[], next: (slot: number) => string | undefined = () => undefined): ClusterView {
  const slots = Array.from({ length: 4096 }, (_, slot) => {
    const primary = `host-${(slot % 3) + 1}`
    const to = next(slot) === primary ? undefined : next(slot)
    const copies = slot % 2 === 0 ? [primary] : [primary, 'host-1'].filter((name, at, all) => all.indexOf(name) === at)
    return { primary, copies, inSync: copies, next: to, term: 7 }
  })
  return {
    by: { app: 'gateway', name: '127.0.0.1:8080' },
    revision: 1234,
    format: { version: 1, slots: 4096, storage: 'shared', copies: 2 },
    hosts: new Map(live.map((name, index) => [name, record(index + 1)])),
    slots,
    balancer: 'host-1',
    awayForMs: 0,
  }
}

async function serve(view: { now: ClusterView }) {
  const address = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const
  return await openOperations(
    address,
    'test',
    clusterPages(() => view.now),
  )
}

test('the cluster comes as JSON, too', async () => {
  await using server = await serve({ now: troubled })
  const reply = await ask(formatAddress(server.address), '/-/cluster.json')
  const { slots, moves, problems } = JSON.parse(reply.body) as ClusterStatus
  assert.equal(reply.status, 200)
  assert.equal(slots.states.length, 4096)
  assert.equal(
    Object.values(slots.counts).reduce((sum, count) => sum + count, 0),
    4096,
  )
  assert.ok(moves.length > 0 && problems.length === 2)
  assert.ok(reply.body.length < 20_000, `${reply.body.length} bytes`)
})

const chromium = findChromium()
describe('the cluster page', { skip: chromium === undefined && 'chromium is not installed' }, () => {
  let browser: Chromium
  before(async () => {
    browser = await Chromium.start(chromium!)
  })
  after(async () => browser[Symbol.asyncDispose]())

  for (const [width, scheme] of [
    [1280, 'light'],
    [360, 'dark'],
  ] as const) {
    test(`fits ${width} pixels, and breaks no rule of its own (${scheme})`, { timeout: withinMs }, async () => {
      const view = { now: calm }
      await using server = await serve(view)
      const features = { 'prefers-color-scheme': scheme }
      const url = `http://${formatAddress(server.address)}/-/cluster`
      await using page = await browser.open(url, { width, height: 800, features })
      await until('the badge', async () => (await page.text('#readiness')) === 'All can be served')
      assert.match(await page.text('#no-moves'), /Nothing moves/)
      for (view.now of [troubled, extreme]) {
        await until('the change', async () => (await page.text('#readiness')) !== 'All can be served')
        assert.equal(await page.evaluate('document.documentElement.scrollWidth'), width)
        view.now = calm
        await until('the badge', async () => (await page.text('#readiness')) === 'All can be served')
      }
      assert.deepEqual(page.problems, [])
    })
  }

  test('says what is unavailable, what moves, and whose lease is gone', { timeout: withinMs }, async () => {
    await using server = await serve({ now: troubled })
    const url = `http://${formatAddress(server.address)}/-/cluster`
    await using page = await browser.open(url, { width: 1280, height: 800 })
    await until('the badge', async () => (await page.text('#readiness')) === '17% cannot be served')
    assert.match(await page.text('#problems'), /\d+ slots cannot be served\. host-3 is gone/)
    assert.match(await page.text('#problems li[data-stops="pushes"]'), /can only be read/)
    assert.match(await page.text('#moves'), /host-1 → host-2: \d+ slots/)
    assert.match(await page.text('#hosts tbody tr:last-child'), /host-3[^]*gone/)
    assert.match(await page.text('#facts'), /has not answered for 1 m 5 s/)
  })

  test('stays readable with many hosts of long names', { timeout: withinMs }, async () => {
    await using server = await serve({ now: crowded })
    const url = `http://${formatAddress(server.address)}/-/cluster`
    await using page = await browser.open(url, { width: 1000, height: 800 })
    await until('the hosts', async () => (await page.text('#hosts tbody tr:last-child')).includes('gone'))
    assert.match(await page.text('#map-summary'), /; and 42 more, in the table below\./)
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 1000)
    const words = `[...document.querySelectorAll('.lease')].filter((word) => word.getClientRects().length > 1).length`
    assert.equal(await page.evaluate(words), 0)
  })

  test('has a map that the keyboard leads through', { timeout: withinMs }, async () => {
    await using server = await serve({ now: calm })
    const url = `http://${formatAddress(server.address)}/-/cluster`
    await using page = await browser.open(url, { width: 1280, height: 800 })
    await until('the map', async () => (await page.text('#legend')).includes('4096 kept'))
    for (const _ of ['the pause button', 'the map']) await page.press('Tab')
    assert.equal(await page.text('#slot'), 'Slot 0: host-1, kept (read and pushed to)')
    await page.evaluate(`document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'End' }))`)
    assert.equal(await page.text('#slot'), 'Slot 4094: host-3, kept (read and pushed to)')
  })
})
