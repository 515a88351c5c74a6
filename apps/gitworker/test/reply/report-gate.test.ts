import assert from 'node:assert/strict'
import { PassThrough, Writable } from 'node:stream'
import { setImmediate } from 'node:timers'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { PushReply } from '../../src/reply/push-reply.ts'
import { ReportGate } from '../../src/reply/report-gate.ts'
import { SeededRandom } from '@sluice/shared/testing/seeded-random'

/** However receive-pack's output is split, no byte of its report is sent before `beforeReport` has resolved. */

const report = `${pktLine('unpack ok\n')}${pktLine('ok refs/heads/main\n')}${flushPacket}`
const band = (number: number, text: string) => pktLine(String.fromCharCode(number) + text)

const never = new AbortController().signal

const outputs = [
  { what: 'a report alone', before: '', after: report },
  { what: 'a report in a band', before: '', after: band(1, report) + flushPacket },
  {
    what: 'a report after progress',
    before: band(2, 'Unpacking\n') + band(2, '') + pktLine('') + band(2, 'x'.repeat(3000)) + band(3, 'oh'),
    after: band(1, report.slice(0, 9)) + band(2, 'hook\n') + band(1, report.slice(9)) + flushPacket,
  },
  {
    what: 'a report after signs of life',
    before: band(1, '') + band(2, 'hook\n') + band(1, '') + band(1, ''),
    after: band(1, report) + flushPacket,
  },
  { what: 'no report', before: band(2, 'Unpacking\n') + flushPacket, after: '' },
  { what: 'something else', before: '', after: 'ERROR: this is no pkt-line' },
] as const

for (const { what, before, after } of outputs) {
  test(`${what}, cut anywhere`, async () => {
    const chance = new SeededRandom(1)
    const random = () => chance.next()
    for (let round = 0; round < 200; round++) {
      let out = ''
      let isDone = false
      const outgoing = new Writable({
        highWaterMark: 1 + Math.floor(random() * 100),
        write(chunk: Buffer, _encoding, done) {
          out += chunk.toString('latin1')
          // The length of a packet may be sent before its band is known.
          assert.ok(isDone || (before + after.slice(0, 4)).startsWith(out), out.slice(-40))
          setImmediate(done)
        },
      })
      let asked = 0
      let given = 0
      const reply = new PushReply()
      const gate = new ReportGate(
        outgoing,
        async () => {
          asked++
          assert.ok(given > before.length, `asked after ${given} bytes`)
          // What comes before it does not wait for it, though it may be in the same chunk.
          for (let turns = 0; turns < 10_000 && out.length < before.length; turns++) await turn()
          assert.ok(out.startsWith(before), out.slice(-40))
          isDone = true
          return true
        },
        reply,
      )
      const bytes = Buffer.from(before + after)
      const most = round === 0 ? 1 : 1 + Math.floor(random() * 60)
      for (let offset = 0; offset < bytes.length;) {
        const end = offset + 1 + Math.floor(random() * most)
        given = end
        const chunk = bytes.subarray(offset, end)
        const written = new Promise((resolve) => gate.write(reply.take(chunk) ?? chunk, resolve))
        // Sometimes, chunks wait in the gate while more of them are read.
        if (random() < 0.5) await written
        offset = end
      }
      await gate.close(never)
      await new Promise<void>((resolve) => outgoing.end(resolve))
      assert.equal(out, before + after)
      assert.equal(asked, after === '' ? 0 : 1)
    }
  })
}

test('messages that are inserted come before the report, and do not wait for it', async () => {
  const defect = band(2, `error: object ${'a'.repeat(40)}: missingEmail: invalid author line\n`)
  const outgoing = new PassThrough()
  const reply = new PushReply()
  const { promise: mayPass, resolve } = Promise.withResolvers<boolean>()
  const gate = new ReportGate(outgoing, () => mayPass, reply)
  gate.write(reply.take(Buffer.from(defect + band(1, report) + flushPacket))!)
  const words = String(outgoing.read())
  assert.match(words, /^[^]*missingEmail[^]*hint: [^]*lets it through\.\n$/)
  resolve(true)
  await gate.close(never)
  assert.equal(String(outgoing.read()), band(1, report) + flushPacket)
})

test('an empty packet, which git sends as a keep-alive, is no report', async () => {
  const reply = new PushReply()
  let asked = 0
  const outgoing = new PassThrough()
  const gate = new ReportGate(outgoing, async () => ++asked > 0, reply)
  const write = (text: string) => gate.write(reply.take(Buffer.from(text)) ?? text)
  for (const text of [band(1, ''), `${band(2, 'Unpacking\n')}${band(1, '')}`, '0005', '\u0001']) write(text)
  assert.equal(asked, 0)
  write(band(1, report))
  assert.equal(asked, 1)
  await gate.close(never)
})

test('it does not wait for a client that has left', async () => {
  const outgoing = new PassThrough({ highWaterMark: 1 })
  const gate = new ReportGate(outgoing, async () => true, { reportFrom: 0, hasWholeReport: true })
  gate.write(Buffer.from(report))
  gate.write(Buffer.from(report))
  outgoing.destroy()
  await gate.close(never)
  const late = new ReportGate(outgoing, async () => true, { reportFrom: 0, hasWholeReport: true })
  assert.equal(late.destroyed, true)
  await late.close(never)
})

test('it does not wait for a client that does not read once its signal is aborted', async () => {
  const outgoing = new PassThrough({ highWaterMark: 1 })
  const gate = new ReportGate(outgoing, async () => true, { reportFrom: 0, hasWholeReport: true })
  gate.write(Buffer.from(report))
  gate.write(Buffer.from(report))
  const controller = new AbortController()
  const closed = gate.close(controller.signal)
  controller.abort()
  await closed
})

test('nothing is passed on once the report may not be', async () => {
  const reply = new PushReply()
  const outgoing = new PassThrough()
  const gate = new ReportGate(outgoing, async () => false, reply)
  const words = band(2, 'Unpacking\n')
  for (const text of [words, band(1, report), band(2, 'more')]) gate.write(reply.take(Buffer.from(text)) ?? text)
  await gate.close(never)
  assert.deepEqual([gate.isRefused, gate.isOpen, gate.destroyed], [true, false, true])
  assert.equal(outgoing.read()?.toString(), words)
  assert.equal(outgoing.destroyed, false, 'the exchange decides how the connection ends')
})
