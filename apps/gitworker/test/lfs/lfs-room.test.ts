import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { LfsRoom } from '../../src/lfs/room/lfs-room.ts'
import { LfsSizes } from '../../src/lfs/room/lfs-sizes.ts'

const place = { repository: 'a', gitDir: '/a.git' }
const isRefusal = (reason: string) => (error: unknown) => error instanceof Refusal && error.reason === reason

function roomOf(limit: number | undefined, maxObject?: number) {
  let listings = 0
  const list = async function* () {
    listings++
    for (const size of [100, 200]) yield { oid: '', size, usedAt: 0 }
  }
  const services = {
    maxRepository: () => limit,
    maxObject,
    sizes: { of: async () => 50 },
    lfsSizes: new LfsSizes({ list }),
  }
  return { room: new LfsRoom(services), listings: () => listings }
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
