import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { isCreation, isDeletion, PushCommands, pushCommands } from '../../src/push/push-commands.ts'
import { SeededRandom } from '@sluice/shared/testing/seeded-random'

const old = '0'.repeat(40)
const id = (letter: string) => letter.repeat(40)

function read(body: string): PushCommands {
  const reading = new PushCommands()
  reading.read(Buffer.from(body))
  return reading
}

test('the commands of a push are read up to the flush packet', () => {
  const body = [
    pktLine(`shallow ${id('f')}`),
    pktLine(`${old} ${id('a')} refs/heads/main\0 report-status side-band-64k`),
    pktLine(`${id('a')} ${old} refs/heads/übung\n`),
    flushPacket,
    pktLine(`${old} ${id('c')} refs/heads/not-a-command`),
  ].join('')
  const commands = [
    { oldId: old, newId: id('a'), ref: 'refs/heads/main' },
    { oldId: id('a'), newId: old, ref: 'refs/heads/übung' },
  ]
  assert.deepEqual(pushCommands(Buffer.from(body)), commands)
  const reading = read(body)
  assert.deepEqual(reading.commands, commands)
  assert.deepEqual([...reading.capabilities], ['report-status', 'side-band-64k'])
  assert.ok(reading.isWhole)
  assert.deepEqual(commands.map(isCreation), [true, false])
  assert.deepEqual(commands.map(isDeletion), [false, true])
})

test('commands that have not arrived, or are malformed, are left out', () => {
  const line = pktLine(`${old} ${id('a')} refs/heads/main`)
  assert.deepEqual(pushCommands(Buffer.from(line.slice(0, -1))), [])
  assert.deepEqual(pushCommands(Buffer.from('0000PACK')), [])
  assert.deepEqual(pushCommands(Buffer.from('')), [])
})

test('both object formats are read, in upper and lower case, and no others', () => {
  const sha256 = 'Ab'.repeat(32)
  const body = [
    pktLine(`${sha256} ${'0'.repeat(64)} refs/heads/a`),
    pktLine(`${'0'.repeat(64)} ${sha256} refs/heads/b\0object-format=sha256`),
    pktLine(`${'0'.repeat(50)} ${'a'.repeat(50)} refs/heads/c`),
    pktLine(`${old}  ${id('a')} refs/heads/d`),
  ].join('')
  assert.deepEqual(
    read(body + flushPacket).commands.map(({ ref }) => ref),
    ['refs/heads/a', 'refs/heads/b'],
  )
})

test('the list ends where git ends it: at any special packet, and where git would give up', () => {
  const line = pktLine(`${old} ${id('a')} refs/heads/main`)
  for (const end of ['0000', '0001', '0002', '0003', 'PACK', '00 4', '000G']) {
    const reading = read(line + end + line)
    assert.ok(reading.isWhole, end)
    assert.equal(reading.commands.length, 1, end)
  }
  const unfinished = read(`${line}0004000`)
  assert.ok(!unfinished.isWhole)
})

test('the commands in a push certificate count, however its lines are put into packets, and so do those outside it', () => {
  const certificate = [
    'certificate version 0.1',
    'pusher A User <user@example.org> 1700000000 +0000',
    'nonce ',
    '',
    `${old} ${id('a')} refs/heads/signed`,
    `${id('a')} ${old} refs/heads/gone`,
    '-----BEGIN PGP SIGNATURE-----',
    'iQEzBAABCgAdFiEE',
    '-----END PGP SIGNATURE-----',
    '',
  ].join('\n')
  const random = new SeededRandom(7)
  for (let round = 0; round < 200; round++) {
    const packets: string[] = []
    for (let at = 0; at < certificate.length;) {
      const length = 1 + Math.floor(random.next() * 60)
      packets.push(pktLine(certificate.slice(at, at + length)))
      at += length
    }
    const reading = read(
      [
        pktLine(`${old} ${id('b')} refs/heads/before`),
        pktLine('push-cert\0report-status'),
        ...packets,
        pktLine('push-cert-end\n'),
        pktLine(`${old} ${id('b')} refs/heads/after`),
        flushPacket,
      ].join(''),
    )
    const refs = reading.commands.map(({ ref }) => ref.replace('refs/heads/', '')).toSorted()
    assert.deepEqual(refs, ['after', 'before', 'gone', 'signed'], `round ${round}`)
    assert.ok(reading.capabilities.has('report-status'))
  }
})

test('however the body is cut, the same commands are read', () => {
  const random = new SeededRandom(20)
  for (let round = 0; round < 300; round++) {
    const count = Math.floor(random.next() * 30)
    const lines = Array.from({ length: count }, (_, index) => {
      const shallow = random.chance(0.2) ? pktLine(`shallow ${id('d')}`) : ''
      const features = index === 0 ? '\0report-status ofs-delta agent=x' : random.pick(['', '\n'])
      return shallow + pktLine(`${old} ${id('a')} refs/heads/${index}-${'ü'.repeat(random.next() * 40)}${features}`)
    })
    const body = Buffer.concat([Buffer.from(lines.join('') + flushPacket), Buffer.from('PACK\0\0\0\x02')])
    const whole = read(body.toString())
    assert.equal(whole.commands.length, count)
    const piecemeal = new PushCommands()
    let at = 0
    while (!piecemeal.isWhole) {
      at = Math.min(body.length, at + 1 + Math.floor(random.next() * random.pick([1, 7, 90])))
      piecemeal.read(body.subarray(0, at))
    }
    assert.deepEqual(piecemeal.commands, whole.commands)
    assert.deepEqual(piecemeal.capabilities, whole.capabilities)
    assert.ok(at <= body.length)
  }
})

test('arbitrary bytes do no harm', () => {
  const random = new SeededRandom(3)
  const line = Buffer.from(pktLine(`${old} ${id('a')} refs/heads/main\0report-status`) + flushPacket)
  for (let round = 0; round < 2000; round++) {
    const bytes = Buffer.from(line)
    for (let change = 0; change < 3; change++) {
      bytes[Math.floor(random.next() * bytes.length)] = Math.floor(random.next() * 256)
    }
    const reading = new PushCommands()
    reading.read(bytes)
    assert.ok(reading.commands.length <= 1)
  }
})
