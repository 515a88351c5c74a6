import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CopyQueues } from '../../src/copies/catching-up/copy-queues.ts'

test('a copy that does not answer holds up no other, and what it has not begun is given back', async () => {
  const begun: string[] = []
  const stuck = Promise.withResolvers<void>()
  const queues = new CopyQueues<string>(2, async (work) => {
    begun.push(work)
    if (work.startsWith('two')) await stuck.promise
  })
  for (const work of ['two-1', 'two-2', 'two-3']) queues.add('two', work, true)
  for (const work of ['three-1', 'three-2', 'three-3']) queues.add('three', work, false)
  while (begun.length < 5) await new Promise((resolve) => void setImmediate(resolve))
  assert.deepEqual(begun, ['two-1', 'two-2', 'three-1', 'three-2', 'three-3'])
  const closing = queues.close()
  stuck.resolve()
  assert.deepEqual(await closing, ['two-3'])
})
