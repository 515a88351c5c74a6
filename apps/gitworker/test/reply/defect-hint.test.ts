import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { PushReply } from '../../src/reply/push-reply.ts'
import { SeededRandom } from '@sluice/shared/testing/seeded-random'

const id = 'a'.repeat(40)
const band = (number: number, text: string) => pktLine(String.fromCharCode(number) + text)
const report = band(1, `${pktLine('unpack index-pack abnormal exit\n')}${flushPacket}`) + flushPacket

function through(output: string, chunkBytes: () => number): string {
  const reply = new PushReply()
  const bytes = Buffer.from(output, 'latin1')
  const parts: Buffer[] = []
  for (let offset = 0; offset < bytes.length;) {
    const chunk = bytes.subarray(offset, offset + chunkBytes())
    parts.push(reply.take(chunk) ?? chunk)
    offset += chunk.length
  }
  return Buffer.concat(parts).toString('latin1')
}

const whole = () => 1 << 20

test('names the setting, between git’s messages and the report', () => {
  const words = band(2, `error: object ${id}: missingEmail: invalid author/committer line - missing email\n`)
  const output = through(words + band(2, 'fatal: fsck error in packed object\n') + report, whole)
  assert.ok(output.startsWith(words))
  assert.ok(output.endsWith(report))
  assert.match(output, /fatal: fsck error in packed object\n[0-9a-f]{4}\Whint: .*receive\.fsck\.missingEmail ignore/s)
})

test('says nothing without a defect, for one that cannot be allowed, or without bands', () => {
  for (const output of [
    report,
    flushPacket,
    band(2, 'remote: hello\n') + report,
    band(2, `error: object ${id}: nulInHeader: unterminated header\n`) + report,
    // In the middle of a line, the same words come from a hook and not from git.
    band(2, `not an error: object ${id}: missingEmail: x\n`) + report,
    `${pktLine('unpack ok\n')}${pktLine('ok refs/heads/main\n')}${flushPacket}`,
    `nonsense error: object ${id}: missingEmail: x\n`,
  ]) {
    assert.equal(through(output, whole), output)
  }
})

test('however the output is cut, no byte is lost, and it still consists of packets', () => {
  const random = new SeededRandom(7)
  const between = (least: number, most: number) => least + Math.floor(random.next() * (most - least))
  for (let round = 0; round < 300; round++) {
    const words = `${'x'.repeat(between(0, 40))}\nerror: object ${id}: badEmail: bad\n`
    const cut = between(0, words.length)
    const packets = [band(2, words.slice(0, cut)), band(1, ''), band(2, words.slice(cut)), report]
    const output = through(packets.join(''), () => between(1, 60))
    const added = /[0-9a-f]{4}\W\n?hint: [^\n]*\n.*?\n/s.exec(output)?.[0] ?? ''
    assert.equal(output.replace(added, ''), packets.join(''))
    let offset = 0
    while (offset < output.length) offset += Math.max(4, parseInt(output.slice(offset, offset + 4), 16))
    assert.equal(offset, output.length)
  }
})
