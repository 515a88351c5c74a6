import assert from 'node:assert/strict'
import { test } from 'node:test'
import { interimReplyDueAt } from '../../../src/exchange/upload/interim-replies.ts'

test('interim replies come soon at first, then ever more rarely, and are fewer than a proxy takes', () => {
  const due: number[] = []
  for (let at; (at = interimReplyDueAt(due.length)) !== undefined;) due.push(at)
  assert.deepEqual(due, [250, 500, 750, 1000, 2000, 4000, 8000, 16_000, 32_000])
})
