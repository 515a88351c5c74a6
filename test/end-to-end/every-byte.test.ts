import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { git } from '@sluice/shared/testing/git'
import { target } from '@sluice/shared/testing/http'
import { Keystream, pieceSize } from '@sluice/shared/testing/keystream'
import { testSeed } from '@sluice/shared/testing/seeded-random'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { packBytes, randomFor } from '../fixtures/random-pieces.ts'

/**
 * Packs come and go in pieces of random sizes, with random pauses on both sides, several at a time. Memory on the way is
 * used again, so each byte is compared: one that was overwritten too early is in the wrong place.
 */

const atOnce = 4
const seed = testSeed(1)
const ids = Array.from({ length: atOnce }, (_, index) => (seed + index + 1).toString(16).padStart(8, '0').repeat(5))

let stack: Stack
before(async () => {
  const fixture = fileURLToPath(new URL('../fixtures/random-pieces.sh', import.meta.url))
  stack = await startStack({ SLUICE_GIT: fixture, SLUICE_FETCH_SLOTS: '8', SLUICE_PUSH_SLOTS: '8' })
  await git(stack.folder, ['init', '--quiet', '--bare', join(stack.root, 'a.git')])
})
after(() => stack[Symbol.asyncDispose]())

test(`every byte of a fetched pack arrives in its place (seed ${seed})`, async () => {
  await Promise.all(ids.map((id) => checkFetch(id)))
})

test(`every byte of a pushed pack arrives in its place (seed ${seed})`, async () => {
  await Promise.all(ids.map((id) => checkPush(id)))
})

async function checkFetch(want: string): Promise<void> {
  const sent = post('git-upload-pack', { 'Git-Protocol': 'version=2' })
  sent.end(`${pktLine('command=fetch')}0001${pktLine(`want ${want}\n`)}${pktLine('done\n')}${flushPacket}`)
  const [reply] = (await once(sent, 'response')) as [IncomingMessage]
  assert.equal(reply.statusCode, 200)
  const pack = new Keystream(want)
  for await (const chunk of reply) {
    assert.equal(pack.difference(chunk as Buffer), undefined)
    await rest()
  }
  assert.equal(pack.position, packBytes)
}

async function checkPush(id: string): Promise<void> {
  const sent = post('git-receive-pack', {})
  const replied = once(sent, 'response') as Promise<[IncomingMessage]>
  sent.write(pktLine(`${'0'.repeat(40)} ${id} refs/heads/main\0 report-status object-format=sha1`) + flushPacket)
  const pack = new Keystream(id)
  const random = randomFor(id)
  while (pack.position < packBytes) {
    if (!sent.write(pack.next(Math.min(packBytes - pack.position, pieceSize(random))))) await once(sent, 'drain')
    await rest()
  }
  sent.end()
  const [reply] = await replied
  assert.match((await reply.toArray()).join(''), /^000eunpack ok\n/)
}

function post(service: string, headers: Record<string, string>): ClientRequest {
  const type = { 'Content-Type': `application/x-${service}-request` }
  const address = { ...target(stack.gateway.address), path: `/a.git/${service}`, method: 'POST', agent: false as const }
  return request({ ...address, headers: { ...type, ...headers } })
}

/** For up to 10 ms, after every tenth piece or so. */
async function rest(): Promise<void> {
  if (Math.random() < 0.1) await sleep(10 * Math.random())
}
