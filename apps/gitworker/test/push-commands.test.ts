import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flushPacket, pktLine } from '@sluice/shared/pkt-line'
import { pushCommands } from '../src/supervisor/push-commands.ts'

const old = '0'.repeat(40)
const id = (letter: string) => letter.repeat(40)

test('the commands of a push are read up to the flush packet', () => {
  const body = [
    pktLine(`shallow ${id('f')}`),
    pktLine(`${old} ${id('a')} refs/heads/main\0 report-status side-band-64k`),
    pktLine(`${old} ${id('b')} refs/heads/übung\n`),
    flushPacket,
    pktLine(`${old} ${id('c')} refs/heads/not-a-command`),
  ].join('')
  assert.deepEqual(pushCommands(Buffer.from(body)), [
    { newId: id('a'), ref: 'refs/heads/main' },
    { newId: id('b'), ref: 'refs/heads/übung' },
  ])
})

test('what is not there yet, or is no command, is left out', () => {
  const line = pktLine(`${old} ${id('a')} refs/heads/main`)
  assert.deepEqual(pushCommands(Buffer.from(line.slice(0, -1))), [])
  assert.deepEqual(pushCommands(Buffer.from('0000PACK')), [])
  assert.deepEqual(pushCommands(Buffer.from('')), [])
})
