import { test } from 'node:test'
import { pino } from 'pino'
import { leaveCluster } from '../../src/cluster/handover/leave-cluster.ts'
import type { LeavingServices } from '../../src/cluster/handover/leave-cluster.ts'

test('a host in a hurry does not wait for an etcd that does not answer', async () => {
  const other = { record: { isLeaving: false, weight: 100 } }
  const services = {
    name: 'one',
    storage: 'shared',
    registration: { lease: { isLive: true }, beginLeaving: () => new Promise<void>(() => {}) },
    table: [[7, { primary: 'one', inSync: ['one'] }]],
    hosts: { all: new Map([['two', other]]), get: () => other },
    log: pino({ level: 'silent' }),
  } as unknown as LeavingServices
  const hurrying = new AbortController()
  const left = leaveCluster(services, 60_000, hurrying.signal)
  hurrying.abort()
  await left
})
