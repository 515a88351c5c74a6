import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RemovalGate } from '../../../../src/lfs/storage/s3/removal-gate.ts'

test('what is looked at is not removed, and what is being removed is looked at afterwards', async () => {
  const gate = new RemovalGate()
  const steps: string[] = []
  const looking = Promise.withResolvers<void>()
  const looks = ['one', 'two'].map((name) => gate.look('key', () => looking.promise.then(() => steps.push(name))))
  const remove = async () => await gate.remove('key', async () => steps.push('removed') > 0)
  assert.equal(await remove(), false)
  assert.equal(await gate.remove('another', async () => true), true)
  looking.resolve()
  await Promise.all(looks)
  const removal = Promise.withResolvers<boolean>()
  const removed = gate.remove('key', () => removal.promise)
  const after = gate.look('key', async () => steps.push('after'))
  assert.equal(await remove(), false, 'one removal at a time')
  steps.push('still there')
  removal.resolve(true)
  assert.equal(await removed, true)
  await after
  assert.deepEqual(steps, ['one', 'two', 'still there', 'after'])
  await assert.rejects(
    gate.remove('key', () => Promise.reject(new Error('failed'))),
    /failed/,
  )
  assert.equal(await remove(), true)
})
