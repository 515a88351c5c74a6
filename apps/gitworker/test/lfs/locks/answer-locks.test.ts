import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { answerLocks } from '../../../src/lfs/locks/answer-locks.ts'
import type { LocksAnswer } from '../../../src/lfs/locks/answer-locks.ts'
import { Locks } from '../../../src/lfs/locks/locks.ts'

type Shown = { id: string; path: string; owner: { name: string } }
type Json = { lock: Shown; locks: Shown[]; ours: Shown[]; theirs: Shown[]; message: string; next_cursor?: string }

type Asking = {
  readonly create: (user: string | undefined, path: unknown) => Promise<LocksAnswer>
  readonly list: (query: string) => Promise<Json>
  readonly verify: (user: string | undefined, body?: object) => Promise<Json>
  readonly unlock: (user: string | undefined, id: string, body?: object) => Promise<LocksAnswer>
}

function asking(file: string | undefined): Asking {
  const locks = new Locks()
  const ask = async (action: 'create' | 'verify' | 'unlock', user: string | undefined, body: object, lock?: string) =>
    await answerLocks(locks, {
      request: { action, lock, query: '' },
      body: Buffer.from(JSON.stringify({ ref: { name: 'refs/heads/main' }, ...body })),
      user,
      file,
    })
  return {
    create: async (user, path) => await ask('create', user, { path }),
    list: async (query) => {
      const request = { action: 'list', lock: undefined, query } as const
      return (await answerLocks(locks, { request, body: undefined, user: undefined, file })).json as Json
    },
    verify: async (user, body = {}) => (await ask('verify', user, body)).json as Json,
    unlock: async (user, id, body = {}) => await ask('unlock', user, body, id),
  }
}

describe('a request for locks', () => {
  test('makes one, and tells who has the one that there is', async () => {
    await using folder = await temporaryFolder()
    const { create } = asking(join(folder.path, 'locks.json'))
    const first = await create('ann', 'a.psd')
    assert.equal(first.status, 201)
    const { lock } = first.json as Json
    assert.deepEqual({ ...lock, locked_at: '' }, { id: '1', path: 'a.psd', owner: { name: 'ann' }, locked_at: '' })
    for (const user of ['ann', 'ben']) {
      const { status, json, reason } = await create(user, 'a.psd')
      assert.deepEqual(
        { status, json, reason },
        {
          status: 409,
          json: { lock, message: 'a.psd is locked already, by ann.' },
          reason: 'lfs_lock_exists',
        },
      )
    }
  })

  test('of nobody makes none, but may end one with force', async () => {
    await using folder = await temporaryFolder()
    const { create, verify, unlock } = asking(join(folder.path, 'locks.json'))
    await assert.rejects(create(undefined, 'a.psd'), { reason: 'lfs_lock_needs_login' })
    await create('ann', 'a.psd')
    assert.deepEqual(
      (await verify(undefined)).theirs.map(({ path }) => path),
      ['a.psd'],
    )
    await assert.rejects(unlock(undefined, '1'), { reason: 'lfs_lock_of_another' })
    assert.equal((await unlock(undefined, '1', { force: true })).status, 200)
  })

  test('shows ours and theirs, page by page', async () => {
    await using folder = await temporaryFolder()
    const { create, verify } = asking(join(folder.path, 'locks.json'))
    for (const path of ['a', 'b', 'c']) {
      await create('ann', path)
      await create('ben', path + path)
    }
    const ours: string[] = []
    const theirs: string[] = []
    let cursor: string | undefined
    do {
      const page = await verify('ann', { limit: 2, cursor })
      ours.push(...page.ours.map(({ path }) => path))
      theirs.push(...page.theirs.map(({ path }) => path))
      cursor = page.next_cursor
    } while (cursor !== undefined)
    assert.deepEqual(
      [ours, theirs],
      [
        ['c', 'b', 'a'],
        ['cc', 'bb', 'aa'],
      ],
    )
    assert.equal((await verify('ann', { limit: 0, cursor: '' })).ours.length, 3)
  })

  test('finds one by its path or its id', async () => {
    await using folder = await temporaryFolder()
    const { create, list } = asking(join(folder.path, 'locks.json'))
    for (const path of ['a b.psd', 'ü.psd']) await create('ann', path)
    const paths = async (query: string) => (await list(query)).locks.map(({ path }) => path)
    assert.deepEqual(await paths('path=a+b.psd&refspec=refs%2Fheads%2Fmain'), ['a b.psd'])
    assert.deepEqual(await paths('path=%C3%BC.psd'), ['ü.psd'])
    assert.deepEqual(await paths('id=1'), ['a b.psd'])
    for (const query of ['id=x', 'id=99', 'id=-1', 'path=none']) assert.deepEqual(await paths(query), [], query)
    assert.deepEqual(await paths('path=&id=&cursor=&limit=&refspec='), ['ü.psd', 'a b.psd'])
    assert.equal((await list('limit=1')).next_cursor, '2')
    assert.equal((await list('limit=999999999')).locks.length, 2)
  })

  test('that is not right is refused', async () => {
    await using folder = await temporaryFolder()
    const { create, list, verify, unlock } = asking(join(folder.path, 'locks.json'))
    await create('ann', 'a')
    for (const path of ['', '../a', '/etc/passwd', 'a\nb'])
      await assert.rejects(create('ann', path), { reason: 'lfs_bad_lock' })
    for (const path of [undefined, 1, null, ['a'], {}])
      await assert.rejects(create('ann', path), { reason: 'lfs_bad_request' })
    for (const query of ['limit=-1', 'limit=x', 'limit=1e9', 'cursor=x', 'cursor=0', 'cursor=99999999999999999999']) {
      await assert.rejects(list(query), { reason: 'lfs_bad_request' }, query)
    }
    for (const body of [{ limit: -1 }, { limit: '1' }, { cursor: 'x' }, { cursor: 1 }]) {
      await assert.rejects(verify('ann', body), { reason: 'lfs_bad_request' })
    }
    await assert.rejects(unlock('ann', '1', { force: 'yes' }), { reason: 'lfs_bad_request' })
    for (const id of ['2', '01', 'x', '1e0']) await assert.rejects(unlock('ann', id), { reason: 'lfs_lock_missing' })
  })

  test('before the repository is there finds nothing to halt a push, and locks nothing', async () => {
    const { create, verify, list, unlock } = asking(undefined)
    assert.deepEqual(await verify('ann'), { ours: [], theirs: [] })
    for (const asked of [create('ann', 'a'), list(''), unlock('ann', '1')]) {
      await assert.rejects(asked, { reason: 'repository_missing' })
    }
  })
})
