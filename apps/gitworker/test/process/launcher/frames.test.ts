import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { frame, FrameReader, ProtocolError } from '../../../src/process/launcher/frames.ts'
import type { Frame } from '../../../src/process/launcher/frames.ts'
import { parseFromLauncher } from '../../../src/process/launcher/launcher-message.ts'
import { commandFrame, parseFromLaunchedWorker } from '../../../src/process/launcher/worker-frames.ts'
import { SeededRandom } from '@sluice/shared/testing/seeded-random'

const graces = { term: 1, kill: 2, drain: false }

/** A frame with a body of numbers, each of 4 bytes. */
function numbers(type: string, ...values: number[]): Buffer {
  const body = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => body.writeInt32LE(value, index * 4))
  return frame(type, body)
}

const one = (bytes: Buffer): Frame => new FrameReader().read(bytes)[0]!

describe('messages of launcher and workers', () => {
  test('are put together wherever their stream is cut', () => {
    const frames = [numbers('f', 1, 2), frame('L'), numbers('r', 3, -10), frame('E')]
    const bytes = Buffer.concat(frames)
    for (let size = 1; size <= bytes.length; size++) {
      const reader = new FrameReader()
      const read: string[] = []
      for (let at = 0; at < bytes.length; at += size) {
        for (const { type, body } of reader.read(bytes.subarray(at, at + size))) read.push(`${type} ${body.length}`)
      }
      assert.deepEqual(read, ['f 8', 'L 0', 'r 8', 'E 0'])
    }
  })

  test('are read as what they are', () => {
    assert.deepEqual(parseFromLauncher(one(numbers('f', 7, -11))), { type: 'forked', id: 7, pid: -11 })
    assert.deepEqual(parseFromLauncher(one(numbers('r', 7, 1))), { type: 'reaped', pid: 7, result: 1 })
    const exited = parseFromLaunchedWorker(one(numbers('X', 3 << 8, 0, 2500, 0, 4096, 0)))
    const report = { code: 3, signal: null, cpuMs: 2.5, maxRssBytes: 4096 }
    assert.deepEqual(exited, { type: 'exited', report, hasLeft: false })
    const killed = parseFromLaunchedWorker(one(numbers('X', 9, 1, 0, 0, 0, 0)))
    assert.ok(killed.type === 'exited' && killed.report.signal === 'SIGKILL' && killed.hasLeft)
    const failed = parseFromLaunchedWorker(one(numbers('N', 2, 4)))
    assert.deepEqual(failed, { type: 'not_started', error: 'its program could not be run (ENOENT)' })
  })

  test('that are not in the protocol are refused, whatever they are', () => {
    const random = new SeededRandom(1)
    let refused = 0
    for (let round = 0; round < 20_000; round++) {
      const bytes = Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256)))
      // As often as not, the length is right.
      if (bytes.length >= 5 && random.below(2) === 0) bytes.writeUInt32LE(bytes.length - 5)
      if (bytes.length >= 5 && random.below(2) === 0) bytes[4] = 'LfrXNE'.charCodeAt(random.below(6))
      for (const parse of [parseFromLauncher, parseFromLaunchedWorker]) {
        try {
          new FrameReader().read(bytes).forEach(parse)
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error))
          refused++
        }
      }
    }
    assert.ok(refused > 1000)
  })

  test('a command that cannot be said is refused before anything is sent', () => {
    const command = { argv: ['git', 'a\0b'], env: {}, cwd: '/' }
    assert.throws(() => commandFrame(command, graces), /zero byte/)
    assert.throws(() => commandFrame({ ...command, argv: ['git', 'x'.repeat(2 ** 20)] }, graces), /too long/)
  })
})
