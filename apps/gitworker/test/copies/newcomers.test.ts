import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bringSlot, NotBroughtError } from '../../src/copies/catching-up/bring-slot.ts'
import type { BringSlotServices } from '../../src/copies/catching-up/bring-slot.ts'
import { OwnStateError } from '../../src/copies/catching-up/bring-repository.ts'
import { NotPrimaryError } from '../../src/copies/primary/primary-of.ts'
import { Newcomers } from '../../src/copies/primary/newcomers.ts'

const never = new AbortController().signal
const about = { slot: 1, copy: 'two', term: 7, since: 3, wasAway: () => false }

/** Brings nothing anywhere, and writes down what happens. */
function services(over: Partial<BringSlotServices> = {}) {
  const said: string[] = []
  const bring: BringSlotServices['bring'] = async ({ repository }) => void said.push(repository)
  const add: BringSlotServices['inSync']['add'] = async ({ copy, mayEnter }) => {
    const isIn = mayEnter()
    if (isIn) said.push(`${copy} is in`)
    return isIn
  }
  return { said, bring, inSync: { add }, onBrought: () => {}, ...over }
}

test('what is confirmed while a newcomer is behind is brought to it; from then on confirmations tell it', async () => {
  const newcomers = new Newcomers()
  const newcomer = newcomers.begin(1, 'two')
  const told: (readonly string[])[] = []
  const { said, ...parts } = services()
  const bring: BringSlotServices['bring'] = async ({ repository }) => {
    said.push(repository)
    // A push for each of the first three.
    if (said.length <= 3) newcomers.note(1, `pushed-${said.length}`)
    told.push(newcomers.toldOf(1))
  }
  newcomers.note(1, 'early')
  newcomers.note(2, 'of another slot')
  await bringSlot({ ...parts, bring }, { ...about, newcomer, repositories: ['a', 'b'] }, never)
  assert.deepEqual(said, ['a', 'b', 'early', 'pushed-1', 'pushed-2', 'pushed-3', 'two is in'])
  assert.deepEqual(told.slice(0, 5), [[], [], [], [], []])
  assert.deepEqual(told[5], ['two'])
  newcomers.leave(newcomer)
  assert.deepEqual(newcomers.toldOf(1), [])
})

test('one that cannot be told something while it is brought is left out, and the confirmation does not wait', async () => {
  const newcomers = new Newcomers()
  const newcomer = newcomers.begin(1, 'two')
  const { said: _said, ...parts } = services()
  newcomer.beTold()
  await newcomers.fail(1, 'two', new Error('its disk is full'))
  assert.equal(newcomer.isTold, false)
  await assert.rejects(bringSlot(parts, { ...about, newcomer, repositories: ['a'] }, never), /its disk is full/)
  assert.equal(newcomer.enter(), false)
})

test('one that cannot be told something while it is taken in is waited for, until that is certain', async () => {
  for (const doubt of [undefined, new Error('nobody can be asked')]) {
    const newcomers = new Newcomers()
    const newcomer = newcomers.begin(1, 'two')
    newcomer.beTold()
    assert.ok(newcomer.enter())
    let isOver = false
    const failing = newcomers.fail(1, 'two', new Error('it is gone')).finally(() => (isOver = true))
    failing.catch(() => {})
    await new Promise(setImmediate)
    assert.equal(isOver, false)
    // It may be in sync already, so others go on telling it.
    assert.deepEqual(newcomers.toldOf(1), ['two'])
    newcomers.leave(newcomer, doubt)
    if (doubt) await assert.rejects(failing, doubt)
    else await failing
  }
})

test('a repository that cannot be brought does not hold up the others, and keeps the copy out', async () => {
  const newcomers = new Newcomers()
  const newcomer = newcomers.begin(1, 'two')
  const { said, ...parts } = services({
    bring: async ({ repository }) => {
      if (repository === 'b') throw new OwnStateError('This host cannot read its own.')
      said.push(repository)
    },
  })
  const bringing = bringSlot(parts, { ...about, newcomer, repositories: ['a', 'b', 'c'] }, never)
  await assert.rejects(bringing, (error) => {
    assert.ok(error instanceof NotBroughtError)
    assert.deepEqual([error.repositories, error.isOwn], [['b'], true])
    assert.match(error.message, /"b": This host cannot read its own/)
    return true
  })
  assert.deepEqual(said, ['a', 'c'])
})

test('a copy that was away for a while is not taken in: it may have lost what it was brought', async () => {
  const newcomer = new Newcomers().begin(1, 'two')
  const { said, ...parts } = services()
  const bringing = { ...about, newcomer, repositories: ['a'], wasAway: () => said.length > 0 }
  await assert.rejects(bringSlot(parts, bringing, never), /two was away/)
  assert.deepEqual(said, ['a'])
})

test('a host that is not the primary any more brings nothing more', async () => {
  const { said, ...parts } = services({
    bring: () => Promise.reject(new NotPrimaryError('It is over.')),
  })
  const bringing = { ...about, newcomer: undefined, repositories: ['a', 'b'] }
  await assert.rejects(bringSlot(parts, bringing, never), NotPrimaryError)
  assert.deepEqual(said, [])
})
