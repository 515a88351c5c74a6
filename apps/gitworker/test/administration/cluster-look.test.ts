import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterView } from '@sluice/shared/placement/cluster-view'
import { slotCount, slotOf } from '@sluice/shared/placement/slot'
import { ClusterLook } from '../../src/administration/look/cluster-look.ts'

const record = { address: '127.0.0.1:1', version: '1', weight: 100, zone: '', run: 'a', isLeaving: false }

function viewWith(repository: string): ClusterView {
  const slots: ClusterView['slots'][number][] = Array.from({ length: slotCount }, () => undefined)
  slots[slotOf(repository)] = {
    primary: 'two',
    copies: ['one', 'three', 'two'],
    inSync: ['three', 'two'],
    next: 'three',
    term: 9,
  }
  return {
    by: { app: 'supervisor', name: 'one' },
    revision: 12,
    format: { version: 1, slots: 4096, storage: 'own', copies: 3 },
    hosts: new Map(['one', 'two'].map((name) => [name, record])),
    slots,
    balancer: 'one',
    awayForMs: 0,
  }
}

test('the hosts of a repository are shown with what they have, the primary first', () => {
  const look = new ClusterLook({ name: 'one', view: () => viewWith('team/app'), progress: undefined })
  assert.deepEqual(look.keepersOf('team/app.git'), {
    slot: slotOf('team/app'),
    state: 'moving',
    here: 'one',
    primary: 'two',
    next: 'three',
    term: 9,
    isShared: false,
    copies: [
      { host: 'two', isLive: true, isInSync: true },
      { host: 'one', isLive: true, isInSync: false },
      { host: 'three', isLive: false, isInSync: true },
    ],
  })
  const { state, primary, copies } = look.keepersOf('other')
  assert.deepEqual([state, primary, copies], ['new', null, []])
})

test('the cluster is shown without its single slots, and with what hosts bring to each other', async () => {
  const progress = { catchingUp: [], notBrought: [], unasked: [{ host: 'two', why: 'It is not up.' }] }
  const look = new ClusterLook({ name: 'one', view: () => viewWith('a'), progress: async () => progress })
  const shown = await look.cluster()
  assert.deepEqual(shown.slots, {
    inAll: slotCount,
    counts: { kept: 0, moving: 1, waiting: 0, down: 0, new: slotCount - 1 },
    inSync: { 0: slotCount - 1, 1: 1 },
  })
  assert.deepEqual(shown.progress, progress)
})
