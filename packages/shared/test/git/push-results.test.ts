import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PacketReader } from '../../src/git/packet-reader.ts'
import { flushPacket, pktLine } from '../../src/git/pkt-line.ts'
import { PushResults } from '../../src/git/push-results.ts'

const band = (number: number, text: string) => pktLine(`${String.fromCharCode(number)}${text}`)

const lines = [
  'unpack ok\n',
  'ok refs/heads/main\n',
  'ng refs/heads/a non-fast-forward for a reason\n',
  'ok refs/for/main\n',
  'option refname refs/changes/1\n',
  `option old-oid ${'1'.repeat(40)}\n`,
  'option new-oid no id\n',
  'option forced-update\n',
  'ok refs/for/main\n',
]
const report = lines.map(pktLine).join('') + flushPacket

const expected = [
  { ref: 'refs/heads/main', why: undefined, instead: {} },
  { ref: 'refs/heads/a', why: 'non-fast-forward for a reason', instead: {} },
  { ref: 'refs/for/main', why: undefined, instead: { ref: 'refs/changes/1', oldId: '1'.repeat(40) } },
  { ref: 'refs/for/main', why: undefined, instead: {} },
]

for (const [how, text] of [
  ['plain', report],
  [
    'in a side-band',
    `${band(2, 'ok refs/heads/fake\n')}${band(1, report.slice(0, 30))}${band(1, report.slice(30))}0000`,
  ],
] as const) {
  test(`the results of a report, ${how}, wherever it is cut`, () => {
    for (const size of [1, 3, 7, text.length]) {
      const results = new PushResults()
      const reader = new PacketReader(results)
      const bytes = Buffer.from(text)
      for (let at = 0; at < bytes.length; at += size) reader.read(bytes.subarray(at, at + size))
      assert.deepEqual(results.results, expected)
      assert.equal(results.count, 4)
    }
  })
}

test('names are bytes, and what is kept is bounded', () => {
  const results = new PushResults()
  const reader = new PacketReader(results)
  const line = Buffer.from('ok refs/heads/caf\xe9', 'latin1')
  reader.read(Buffer.concat([Buffer.from((line.length + 4).toString(16).padStart(4, '0')), line]))
  assert.equal(results.results[0]?.ref, 'refs/heads/caf\xe9')
  for (let index = 0; index < 200; index++)
    reader.read(Buffer.from(pktLine(`ng refs/${index} ${'x'.repeat(60_000)}\n`)))
  reader.read(Buffer.from(pktLine('option refname refs/other\n')))
  assert.equal(results.count, 201)
  assert.equal(results.results.length, 100)
  assert.equal(results.results[99]?.why?.length, 256)
  assert.deepEqual(results.results[99].instead, {})
})
