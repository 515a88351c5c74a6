import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { commandIn, influences, parseProtocolV2 } from '../../src/git/protocol-v2.ts'

const command = pktLine('command=fetch\n')
const parse = (body: string) => parseProtocolV2(Buffer.from(body))

test('a request is its command, its capabilities and its arguments, with or without line feeds', () => {
  const body = `${command}${pktLine('agent=git\n')}0001${pktLine('thin-pack')}${pktLine('done\n')}${flushPacket}`
  assert.deepEqual(parse(body), {
    command: 'fetch',
    capabilities: ['agent=git'],
    args: ['thin-pack', 'done'],
    isPlain: true,
  })
})

test('a command may come after capabilities, as in git’s own request for bundles, but not twice', () => {
  const late = `${pktLine('agent=git\n')}${pktLine('command=bundle-uri\n')}0001${flushPacket}`
  assert.deepEqual(parse(late), { command: 'bundle-uri', capabilities: ['agent=git'], args: [], isPlain: true })
  assert.equal(parse(`${command}${command}${flushPacket}`)?.isPlain, false)
  assert.equal(parse(`${command}${pktLine('command=ls-refs')}${flushPacket}`)?.isPlain, false)
})

test('a request that git might read in another way is not plain, and still has a command', () => {
  for (const body of [
    command,
    `${command}${flushPacket}${flushPacket}`,
    `${command}00010001${flushPacket}`,
    `${command}0002${flushPacket}`,
  ]) {
    assert.deepEqual([parse(body)?.command, parse(body)?.isPlain], ['fetch', false], body)
  }
})

test('a body without a command, or with none that could be one, is not plain', () => {
  for (const body of [
    '',
    flushPacket,
    `${pktLine('agent=x')}${flushPacket}`,
    `${pktLine('command=FETCH')}${flushPacket}`,
  ]) {
    assert.deepEqual([parse(body)?.command, parse(body)?.isPlain], [undefined, false], body)
  }
})

test('a body that is not made of pkt-lines is no request', () => {
  for (const body of ['xxxx', '0003', '000', `${command}00ff`, `${command}000`])
    assert.equal(parse(body), undefined, body)
})

test('the beginning of a request tells its command', () => {
  assert.equal(commandIn(Buffer.from(`${command}00`)), 'fetch')
  assert.equal(commandIn(Buffer.from(flushPacket)), undefined)
  assert.equal(commandIn(Buffer.from('')), undefined)
})

test('a reply depends on capabilities that are known, except agent and server-option', () => {
  const of = (...capabilities: string[]) => influences({ command: 'fetch', capabilities, args: [], isPlain: true })
  assert.deepEqual(of('agent=git/2', 'server-option=a', 'session-id=1', 'object-format=sha1'), [
    'session-id',
    'object-format=sha1',
  ])
  assert.equal(of('agent=git/2', 'hurry'), undefined)
})
