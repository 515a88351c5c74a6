import assert from 'node:assert/strict'
import { test } from 'node:test'
import { giveBack, lend, takeBuffer } from '../../src/process/output/output-buffers.ts'
import { AnswerCapture } from '../../src/reply/answer-capture.ts'
import { LastPackets } from '../../src/reply/last-packets.ts'

/** A chunk in a buffer that can be used again. */
function chunkOf(text: string): Buffer {
  const buffer = takeBuffer()
  buffer.write(text)
  return lend(buffer, 0, text.length)
}

test('an answer that is cached, and the last words of a git, are not overwritten', () => {
  const text = `${'a'.repeat(100_000)}000a\x03 no!!`
  const chunk = chunkOf(text)
  let stored = ''
  const entry = { maxBytes: 2 ** 20, store: (answer: Buffer) => Boolean((stored = answer.toString('latin1'))) }
  const capture = new AnswerCapture(entry)
  capture.take(chunk)
  const last = new LastPackets()
  last.take(chunk)
  giveBack(chunk)
  takeBuffer().fill('x')
  capture.store()
  assert.equal(stored, text)
  assert.equal(last.text(), ' no!!')
})
