import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { LfsRoom } from '../../src/lfs/room/lfs-room.ts'
import { LfsSizes } from '../../src/lfs/room/lfs-sizes.ts'

const place = { repository: 'a', gitDir: '/a.git' }
const isRefusal = (reason: string) => (error: unknown) => error instanceof Refusal && error.reason === reason

function roomOf(limit: number | undefined, maxObject?: number) {
  let listings = 0
  let now = 0
  const stored = [100, 200]
  const list = async function* () {
    listings++
    for (const size of stored) yield { oid: '', size, usedAt: 0 }
  }
  const services = {
    maxRepository: () => limit,
    maxObject,
    sizes: { of: async () => 50 },
    lfsSizes: new LfsSizes({ list }, () => now),
  }
  const later = (ms: number) => void (now += ms)
  return { room: new LfsRoom(services), listings: () => listings, stored, later }
}

describe('room for uploads', () => {
  test('is what the limit leaves beside git’s objects, what is stored, and what is being uploaded', async () => {
    const { room, listings } = roomOf(1000)
    await room.check('a', place, 650)
    await assert.rejects(room.check('a', place, 651), isRefusal('repository_full'))
    {
      using reserved = await room.reserve('a', place, 400)
      await assert.rejects(room.reserve('a', place, 300), isRefusal('repository_full'))
      reserved.check(400)
      reserved.stored(400)
    }
    await room.check('a', place, 250)
    await assert.rejects(room.check('a', place, 251), isRefusal('repository_full'))
    assert.equal(listings(), 1)
  })

  test('is not given to two who ask for it at once', async () => {
    const { room } = roomOf(1000)
    const asked = await Promise.allSettled([1, 2, 3].map(() => room.reserve('a', place, 400)))
    assert.deepEqual(
      asked.map(({ status }) => status),
      ['fulfilled', 'rejected', 'rejected'],
    )
  })

  test('is shared by uploads that have not said their sizes', async () => {
    const { room } = roomOf(1000)
    using one = await room.reserve('a', place, 0)
    using other = await room.reserve('a', place, 0)
    one.check(400)
    other.check(250)
    assert.throws(() => other.check(251), isRefusal('repository_full'))
    assert.throws(() => one.check(401), isRefusal('repository_full'))
  })

  test('is there again a moment after objects have gone', async () => {
    const { room, listings, stored, later } = roomOf(1000)
    await assert.rejects(room.reserve('a', place, 800), isRefusal('repository_full'))
    stored.pop()
    await assert.rejects(room.reserve('a', place, 800), isRefusal('repository_full'))
    later(1000)
    await room.check('a', place, 800)
    using _reserved = await room.reserve('a', place, 800)
    assert.equal(listings(), 2)
  })

  test('is given back by an upload that fails', async () => {
    const { room } = roomOf(1000)
    ;(await room.reserve('a', place, 650))[Symbol.dispose]()
    await room.check('a', place, 650)
  })

  test('is watched while an upload comes that has not said its size', async () => {
    const { room } = roomOf(1000, 500)
    using reserved = await room.reserve('a', place, 0)
    reserved.check(500)
    assert.throws(() => reserved.check(501), isRefusal('lfs_object_too_large'))
    using other = await roomOf(400).room.reserve('a', place, 0)
    assert.throws(() => other.check(51), isRefusal('repository_full'))
  })

  test('has no end where there is no limit, and nothing is listed', async () => {
    const { room, listings } = roomOf(undefined)
    await room.check('a', place, Number.MAX_SAFE_INTEGER)
    using reserved = await room.reserve('a', place, 1)
    reserved.check(Number.MAX_SAFE_INTEGER)
    assert.equal(listings(), 0)
  })

  test('of a repository that does not exist yet is all of it', async () => {
    const { room } = roomOf(1000)
    await room.check('a', undefined, 1000)
    await assert.rejects(room.check('a', undefined, 1001), isRefusal('repository_full'))
  })
})
