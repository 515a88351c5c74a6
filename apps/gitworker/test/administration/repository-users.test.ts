import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Turns } from '../../src/administration/operation/turns.ts'
import { RepositoryUsers } from '../../src/repository/repository-users.ts'

const never = new AbortController().signal

test('a repository is closed when the last request has left it, and takes none until it is open again', async () => {
  const users = new RepositoryUsers()
  const [one, other] = [users.enter('/a'), users.enter('/a')]
  let isClosed = false
  const closing = users.close('/a', 60_000, never).then((closed) => {
    isClosed = true
    return closed
  })
  assert.throws(() => users.enter('/a'), { reason: 'repository_moving' })
  users.enter('/b')[Symbol.dispose]()
  one[Symbol.dispose]()
  one[Symbol.dispose]()
  await Promise.resolve()
  assert.equal(isClosed, false)
  other[Symbol.dispose]()
  const closed = await closing
  assert.throws(() => users.enter('/a'), { reason: 'repository_moving' })
  await assert.rejects(users.close('/a', 60_000, never), { reason: 'repository_busy' })
  closed[Symbol.dispose]()
  users.enter('/a')[Symbol.dispose]()
  assert.equal(users.count('/a'), 0)
})

test('what can be begun again gives way to whoever closes a repository', async () => {
  const users = new RepositoryUsers()
  const use = users.enter('/a', () => use[Symbol.dispose]())
  using _other = users.enter('/b', () => assert.fail('nobody closes this one'))
  const closed = await users.close('/a', 60_000, never)
  closed[Symbol.dispose]()
  using _later = users.enter('/a')
  await assert.rejects(users.close('/a', 1, never), { reason: 'repository_in_use' })
})

test('a repository that stays in use, or that nobody wants closed any more, is open again', async () => {
  const users = new RepositoryUsers()
  using _use = users.enter('/a')
  await assert.rejects(users.close('/a', 1, never), { reason: 'repository_in_use' })
  users.enter('/a')[Symbol.dispose]()
  const gone = new AbortController()
  const closing = users.close('/a', 60_000, gone.signal)
  gone.abort(new Error('gone'))
  await assert.rejects(closing, /gone/)
  users.enter('/a')[Symbol.dispose]()
  assert.equal(users.count('/a'), 1)
})

test('a repository that is closed to changes takes what only reads', async () => {
  const users = new RepositoryUsers()
  const [push, read] = [users.enter('/a'), users.enterToRead('/a')]
  let isClosed = false
  const closing = users.closeToChanges('/a', 60_000, never).then((closed) => {
    isClosed = true
    return closed
  })
  assert.throws(() => users.enter('/a'), { reason: 'repository_moving', sentence: /takes no pushes at the moment/ })
  // The push waits for a copy, which fetches.
  users.join('/a')[Symbol.dispose]()
  await Promise.resolve()
  assert.equal(isClosed, false)
  push[Symbol.dispose]()
  const closed = await closing
  await assert.rejects(users.closeToChanges('/a', 60_000, never), { reason: 'repository_busy' })
  const later = users.enterToRead('/a')
  const whole = users.close('/a', 60_000, never)
  assert.throws(() => users.enterToRead('/a'), { reason: 'repository_moving' })
  read[Symbol.dispose]()
  later[Symbol.dispose]()
  for (const one of [await whole, closed]) one[Symbol.dispose]()
  users.enter('/a')[Symbol.dispose]()
  assert.equal(users.count('/a'), 0)
})

test('one operation at a time has a turn, and takes all of its keys or none', () => {
  const turns = new Turns()
  const turn = turns.take(['a', 'b'], 'gc')
  assert.throws(() => turns.take(['c', 'b'], 'rename'), { reason: 'repository_busy', sentence: /\(gc\)/ })
  using _other = turns.take(['c'], 'rename')
  turn[Symbol.dispose]()
  using _next = turns.take(['a', 'b'], 'fsck')
})
