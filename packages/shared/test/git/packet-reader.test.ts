import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PacketReader } from '../../src/git/packet-reader.ts'
import { flushPacket, pktLine } from '../../src/git/pkt-line.ts'
import { SeededRandom } from '../../testing/seeded-random.ts'

const band = (number: number, text: string) => pktLine(String.fromCharCode(number) + text)

/** The packets of a stream, with each offset counted from the stream's beginning. */
function read(bytes: Buffer, chunkBytes: () => number): { told: unknown[]; starts: number[] } {
  const told: unknown[] = []
  const starts: number[] = []
  let passed = 0
  const reader = new PacketReader({
    onHead: ({ band: number, size, start }) => {
      told.push(['head', number, size])
      if (start !== undefined) starts.push(passed + start)
    },
    onPacket: ({ band: number, payload, end }) => told.push([number, payload?.toString('latin1'), passed + end]),
    onBreak: () => told.push('broken'),
  })
  while (passed < bytes.length) {
    const chunk = bytes.subarray(passed, passed + chunkBytes())
    reader.read(chunk)
    passed += chunk.length
  }
  return { told, starts }
}

const whole = () => Infinity

test('packets are reported with their bands, their sizes, and where they begin and end', () => {
  const output = band(2, 'hello') + band(1, '') + flushPacket + pktLine('unpack ok\n') + '0004'
  assert.deepEqual(read(Buffer.from(output), whole), {
    told: [
      ['head', 2, 5],
      [2, 'hello', 10],
      ['head', 1, 0],
      [1, '', 15],
      ['head', undefined, 0],
      [undefined, undefined, 19],
      ['head', undefined, 10],
      [undefined, 'unpack ok\n', 33],
      ['head', undefined, 0],
      [undefined, '', 37],
    ],
    starts: [0, 10, 15, 19, 33],
  })
})

test('a head is reported before its packet has come', () => {
  assert.deepEqual(read(Buffer.from('0010\u0001un'), whole).told, [['head', 1, 11]])
  assert.deepEqual(read(Buffer.from('0010'), whole).told, [])
})

test('bytes that are no packet end it', () => {
  for (const end of ['zzzz', '0003', '-001']) {
    const { told } = read(Buffer.from(`${band(2, 'x')}${end}${band(1, 'y')}`), whole)
    assert.deepEqual(told, [['head', 2, 1], [2, 'x', 6], 'broken'])
  }
})

test('however a stream is cut, the same is reported', () => {
  const random = new SeededRandom(1)
  const pieces = [
    flushPacket,
    '0001',
    '0002',
    '0004',
    band(1, ''),
    band(2, 'words\n'),
    band(3, 'no'),
    band(4, 'x'),
    pktLine('ok a\n'),
    band(1, pktLine('unpack ok\n') + flushPacket),
    band(2, '0'.repeat(3000)),
    pktLine('\0'),
    'fff0\u0002',
  ]
  for (let round = 0; round < 300; round++) {
    const parts = Array.from({ length: random.below(20) }, () => random.pick(pieces))
    const bytes = Buffer.from(parts.join('') + (random.below(4) === 0 ? 'zzzz' : ''))
    const most = 1 + random.below(round % 2 === 0 ? 9 : 9000)
    const atOnce = read(bytes, whole)
    const inChunks = read(bytes, () => 1 + random.below(most))
    assert.deepEqual(inChunks.told, atOnce.told)
    // A packet that begins in one chunk and is known only in a later one has no start.
    assert.ok(inChunks.starts.every((start) => atOnce.starts.includes(start)))
  }
})
