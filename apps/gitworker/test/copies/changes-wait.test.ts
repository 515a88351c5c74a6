import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import type { Trash } from '../../src/administration/trash/trash.ts'
import type { Placement } from '../../src/cluster/placement/placement.ts'
import type { Tenure } from '../../src/cluster/placement/tenure.ts'
import { RepositoryTurns } from '../../src/copies/repository-turns.ts'
import type { LfsCall } from '../../src/lfs/call/lfs-call.ts'
import { Locks } from '../../src/lfs/locks/locks.ts'
import { serveLocks } from '../../src/lfs/locks/serve-locks.ts'
import { operationHolds } from '../../src/start/administration/operation-holds.ts'

const signal = new AbortController().signal

/** A host that was a copy, and still does something to the repository for the primary of an earlier term. */
function hostThatFollowed() {
  const { promise, resolve: end } = Promise.withResolvers<void>()
  const turns = new RepositoryTurns()
  const happened: string[] = []
  const following = turns.take('demo', () => promise).then(() => happened.push('followed'))
  const copies = { turns, has: () => false, confirm: async () => {} }
  const begin = async () => void happened.push('begun')
  const tenure = { term: 7, begin, confirm: async () => {}, [Symbol.dispose]() {} } as Partial<Tenure>
  return { copies, tenure: tenure as Tenure, happened, end, following }
}

test('an operation of an operator is not begun while this host still follows, as a copy, the primary before it', async () => {
  const { copies, tenure, happened, end, following } = hostThatFollowed()
  const placement = { primaryOf: () => 'one', holdForOperator: () => tenure } as Partial<Placement> as Placement
  const services = {
    placement,
    copies,
    otherTrashes: undefined,
    lookAt: undefined,
    trash: {} as Trash,
    isShared: false,
  }
  using held = operationHolds(services)({ kind: 'head', repository: 'demo.git', branch: 'main' })
  const begun = held.begin().then(() => happened.push('begun'))
  await setImmediate()
  end()
  await Promise.all([begun, following])
  assert.deepEqual(happened, ['followed', 'begun'])
})

test('nor is a lock of LFS written, which what is followed may write, too', async () => {
  await using folder = await temporaryFolder()
  const gitDir = join(folder.path, 'demo.git')
  await mkdir(gitDir)
  const { copies, tenure, happened, end, following } = hostThatFollowed()
  const incoming = Object.assign(Readable.from([Buffer.from('{"path":"a.psd"}')]), { headers: {} })
  const replies: number[] = []
  const reply = async (status: number) => void replies.push(status)
  const exchange = { id: '1', user: 'ann', incoming, signal, invite() {}, received() {}, reply }
  const request = { kind: 'locks', action: 'create', repository: 'demo.git', lock: undefined, query: '' }
  const call = { exchange, request, tenure } as unknown as LfsCall<never>
  const served = serveLocks(call, { repository: 'demo', gitDir }, { locks: new Locks(), copies })
  await once(incoming, 'end')
  for (let turns = 0; turns < 5; turns++) await setImmediate()
  end()
  await Promise.all([served, following])
  assert.deepEqual([happened, replies], [['followed', 'begun'], [201]])
})
