import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ShownCluster } from '@sluice/gitworker/administration/look/cluster-look'
import { clusterSummaryOf } from '@sluice/shared/placement/cluster-summary'
import type { HostRecord } from '@sluice/shared/placement/host-record'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import { writeSlotRecord } from '@sluice/shared/placement/slot-record'
import { noEtcd, startEtcd } from '@sluice/shared/testing/etcd'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { statusText } from '../../src/cluster/status/status-text.ts'
import { withoutColours } from '../../src/output/paint.ts'
import { call, documentOf } from '../support/call.ts'

const escape = '\x1b'
const plain = { columns: undefined, paint: withoutColours }

function host(number: number, more: Partial<HostRecord> = {}): [string, HostRecord] {
  const record = {
    address: `10.0.0.${number}:9090`,
    version: '1.0.0',
    weight: 100,
    zone: '',
    run: 'a',
    isLeaving: false,
  }
  return [`host-${number}`, { ...record, ...more }]
}

function slot(primary: string, other: string, more: Partial<SlotRecord> = {}): SlotRecord {
  const both = [primary, other]
  return { primary, copies: both, inSync: both, next: undefined, term: 7, ...more }
}

function shown(slots: readonly (SlotRecord | undefined)[], progress: ShownCluster['progress'] = null): ShownCluster {
  const view = {
    by: { app: 'supervisor', name: 'host-1' },
    revision: 9,
    format: { version: 1, slots: 4096, storage: 'own', copies: 2 },
    hosts: new Map([host(1), host(2), host(3, { isLeaving: true }), host(5)]),
    slots,
    balancer: 'host-2',
    awayForMs: 0,
    onProbation: new Set(['host-5']),
  } as const
  return { ...clusterSummaryOf(view), progress }
}

test('the status says how each host is, and what is moved and copied', () => {
  const slots = [
    slot('host-1', 'host-2'),
    slot('host-1', 'host-2', { inSync: ['host-1'] }),
    slot('host-3', 'host-1', { next: 'host-1' }),
    slot('host-1', 'host-4'),
  ]
  const counts = { slotsLeft: 5, slotsDone: 3, slotsFailed: 1, repositories: 12 }
  const text = statusText(
    shown(slots, {
      catchingUp: [{ by: 'host-1', copy: 'host-2', ...counts }],
      notBrought: [{ by: 'host-1', copy: 'host-2', slot: 1, why: '"team/app": no space\u001b[2J' }],
      unasked: [{ host: 'host-5', why: 'connect ECONNREFUSED' }],
    }),
    plain,
  )
  assert.match(text, /^All repositories can be read and pushed to\.\n/)
  assert.match(text, /in sync +on 2: 2 slots, on 1: 2\n/)
  assert.match(text, /balancer +host-2: 1 slot being handed over, 1 slot being brought to host-2\n/)
  assert.match(text, /\nhost-1 +live +3 +4 +0 +100 +- +10\.0\.0\.1:9090 +1\.0\.0\n/)
  assert.match(text, /\nhost-2 +catching up, 50% +0 +1 +1 /)
  assert.match(text, /\nhost-3 +draining +1 +1 +0 /)
  assert.match(text, /\nhost-4 +away +0 +1 +0 +- +- +- +-\n/)
  assert.match(text, /\nhost-5 +live, on probation +0 /)
  assert.match(text, /Being handed over: 1 slot from host-3 to host-1\n/)
  assert.match(text, /\nhost-2 +host-1 +3 +5 +1 +12\n/)
  assert.match(text, /slot 1, from host-1 to host-2: "team\/app": no space\\u\{1b\}\[2J/)
  assert.match(text, /host-5 does not say what it brings: connect ECONNREFUSED$/)
})

test('what cannot be served comes first, and without a balancer nothing is moved', () => {
  const down = slot('host-8', 'host-9')
  const text = statusText({ ...shown([down, undefined, slot('host-1', 'host-2')]), balancer: undefined }, plain)
  assert.match(
    text,
    /^2 slots of 3 cannot be served\.\n {2}1 slot cannot be served: Every push to them is on host-8, host-9/,
  )
  assert.match(text, /on no host that is up: 2/)
  assert.match(text, /balancer +none: no slot is moved/)
  assert.match(statusText(shown([slot('host-9', 'host-1')]), plain), /^All repositories can only be read\.\n/)
})

test('sluice cluster status asks the host that runs, and ends with 1 where something cannot be served', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'administration.sock')
  const asked: unknown[] = []
  let answer: object = shown([slot('host-1', 'host-2')])
  const server = createServer((incoming, outgoing) => {
    asked.push(`${incoming.method} ${incoming.url}`)
    outgoing.setHeader('Content-Type', 'application/json').end(JSON.stringify(answer))
  }).listen(path)
  await once(server, 'listening')
  const env = { SLUICE_ADMINISTRATION: `unix:${path}` }
  const good = await call(['cluster', 'status'], { env })
  assert.deepEqual([good.exitCode, good.stderr], [0, ''])
  assert.ok(!good.stdout.includes(escape))
  assert.ok((await call(['cluster', 'status'], { env, columns: 200 })).stdout.includes(`${escape}[32mlive`))
  answer = shown([undefined])
  const { exitCode, document } = await documentOf(['cluster', 'status'], { env })
  server.close()
  assert.equal(exitCode, 1)
  assert.deepEqual(document, JSON.parse(JSON.stringify(answer)))
  assert.deepEqual(new Set(asked), new Set(['GET /-/cluster']))
})

test('without a host and without etcd, sluice cluster status says what to set', async () => {
  await using folder = await temporaryFolder()
  const alone = await call(['cluster', 'status'], { env: { SLUICE_RUN_FOLDER: folder.path } })
  assert.equal(alone.exitCode, 1)
  assert.match(alone.stderr, /No host runs here, and no etcd is set\./)
})

test('without a host, sluice cluster status asks etcd', { skip: noEtcd ?? false }, async () => {
  await using folder = await temporaryFolder()
  await using etcd = await startEtcd()
  const env = { ...etcd.env, SLUICE_RUN_FOLDER: folder.path }
  const none = await call(['cluster', 'status'], { env })
  assert.equal(none.exitCode, 1)
  assert.match(none.stderr, /There is no cluster below \/sluice\/ in etcd on http:/)
  const [name, record] = host(1)
  const values = {
    'format': JSON.stringify({ version: 1, slots: 4096, storage: 'own', copies: 2 }),
    [`hosts/${name}`]: JSON.stringify(record),
    'slots/0007': writeSlotRecord({ ...slot(name, 'host-2'), term: undefined }),
    'slots/0008': 'damaged',
    'balancer': name,
  }
  for (const [key, value] of Object.entries(values)) await etcd.ctl('put', `/sluice/${key}`, value)
  const { exitCode, document } = await documentOf(['cluster', 'status'], { env })
  const { by, slots, balancer, hosts, progress, problems } = document as ShownCluster
  assert.equal(exitCode, 1)
  assert.deepEqual([by.app, balancer, progress], ['etcd', name, null])
  assert.deepEqual(slots.counts, { kept: 1, moving: 0, waiting: 0, down: 0, new: 4095 })
  assert.deepEqual(slots.inSync, { 0: 4095, 1: 1 })
  assert.deepEqual(
    hosts.map(({ name: of, isLive, primaryOf }) => [of, isLive, primaryOf]),
    [
      [name, true, 1],
      ['host-2', false, 0],
    ],
  )
  assert.equal(problems.length, 1)
})
