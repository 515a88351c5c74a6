import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flushPacket, pktLine } from '../../src/git/pkt-line.ts'
import { PushReport } from '../../src/git/push-report.ts'
import { SeededRandom } from '../../testing/seeded-random.ts'

const band = (number: number, text: string) => pktLine(String.fromCharCode(number) + text)
const report = (...lines: string[]) => lines.map((line) => pktLine(`${line}\n`)).join('') + flushPacket

function read(text: string, cuts: () => number = () => Infinity): PushReport {
  const bytes = Buffer.from(text)
  const pushReport = new PushReport()
  for (let offset = 0; offset < bytes.length;) {
    const end = Math.min(bytes.length, offset + cuts())
    pushReport.read(bytes.subarray(offset, end))
    offset = end
  }
  return pushReport
}

const mixed = report(
  'unpack ok',
  'ok refs/heads/a',
  'ng refs/heads/b non-fast-forward',
  'ng refs/heads/c hook declined',
)

test('a report is read with side-band and without, however it is cut', () => {
  const banded =
    band(2, 'counting\r') + band(1, mixed.slice(0, 20)) + band(1, mixed.slice(20)) + band(2, 'hook\n') + flushPacket
  for (const text of [mixed, banded]) {
    for (const size of [1, 2, 3, 5, 7, 64, 1e6]) {
      const seen = read(text, () => size)
      assert.deepEqual(
        [seen.unpack, seen.rejectedCount, seen.isWhole, seen.isGood, seen.error],
        ['ok', 2, true, false, undefined],
      )
      assert.deepEqual(seen.rejected[0], { ref: 'refs/heads/b', why: 'non-fast-forward' })
    }
  }
})

test('it is whole when its flush packet has come, and not before', () => {
  const text = report('unpack ok', 'ok refs/heads/a')
  assert.equal(read(text).isGood, true)
  for (let length = 0; length < text.length; length++) assert.equal(read(text.slice(0, length)).isWhole, false)
  // A flush packet in a reply that has no report.
  assert.equal(read(flushPacket).isWhole, false)
})

test('an error is read on side-band 3 and as ERR', () => {
  assert.equal(read(band(2, 'x') + band(3, 'no more')).error, 'no more')
  assert.equal(read(pktLine('ERR no more\n')).error, 'no more')
})

test('it says at which offset git reported that a pack is too large', () => {
  const before = band(2, 'counting\n')
  const words = band(2, 'fatal: pack exceeds maximum allowed size (1.00 MiB)\n')
  const seen = new PushReport()
  seen.read(Buffer.from(before + words + band(1, mixed)))
  assert.deepEqual([seen.tooLarge, seen.tooLargeAt], ['1.00 MiB', before.length + words.length])
  seen.read(Buffer.from(flushPacket))
  assert.equal(seen.tooLargeAt, undefined)
  // In small pieces, so that the packet ends in the last one.
  const other = new PushReport()
  const bytes = Buffer.from(before + words)
  for (let offset = 0; offset < bytes.length; offset += 7) {
    const chunk = bytes.subarray(offset, offset + 7)
    other.read(chunk)
    if (offset + 7 < bytes.length) assert.equal(other.tooLargeAt, undefined)
    else assert.equal(other.tooLargeAt, chunk.length)
  }
})

test('whatever passes, little is kept and nothing throws', () => {
  const random = new SeededRandom(1)
  const pieces = [
    '0000',
    '0003',
    'zzzz',
    '0005',
    '\u0001',
    '\u0003',
    mixed,
    band(1, 'unpack'),
    band(2, 'x'.repeat(60_000)),
  ]
  for (let run = 0; run < 300; run++) {
    const text = Array.from({ length: random.below(20) }, () => random.pick(pieces)).join('')
    const seen = read(text, () => 1 + random.below(5000))
    assert.ok(seen.words.length <= 4096 && seen.rejected.length <= 10)
    // However it is cut, the result is the same.
    const whole = read(text)
    assert.deepEqual(
      [seen.unpack, seen.isWhole, seen.rejectedCount, seen.error, seen.words],
      [whole.unpack, whole.isWhole, whole.rejectedCount, whole.error, whole.words],
    )
  }
  const many = Array.from({ length: 5000 }, (_, index) => `ng refs/heads/${index} ${'y'.repeat(1000)}`)
  const seen = read(report('unpack ok', ...many))
  assert.equal(seen.rejectedCount, 5000)
  assert.equal(seen.rejected.length, 10)
  assert.ok(seen.rejected.every(({ why }) => why.length <= 256))
})
