import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { git } from '@sluice/shared/testing/git'
import { ask, target } from '@sluice/shared/testing/http'
import { fetchOf, largeRepository } from '@sluice/shared/testing/requests'
import { isQuiet, startStack } from '@sluice/shared/testing/stack'
import type { HostStatus, Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** A client that reads slowly, or not at all, keeps no other client waiting. */

const slots = 2

/** A stack with two slots, of which one client may have both. */
async function startNarrow(env: Record<string, string> = {}) {
  const stack = await startStack({ SLUICE_FETCH_SLOTS: String(slots), SLUICE_LARGEST_SHARE: '100%', ...env })
  const large = join(stack.root, 'large.git')
  await largeRepository(large)
  const small = join(stack.root, 'small.git')
  await git(stack.folder, ['init', '--quiet', '--bare', small])
  const tree = await git(small, ['mktree'])
  await git(small, ['update-ref', 'refs/heads/main', await git(small, ['commit-tree', '-m', 'One', tree])])
  return { stack, want: await git(large, ['rev-parse', 'main']) }
}

type How = (want: string, hint: number) => { body: string; headers: Record<string, string> }

const v2: How = (want, hint) => {
  const args = [`want ${want}\n`, 'ofs-delta\n', 'no-progress\n', `deepen ${1_000_000 + hint}\n`, 'done\n']
  const body = `${pktLine('command=fetch')}0001${args.map(pktLine).join('')}${flushPacket}`
  return { body, headers: { 'Git-Protocol': 'version=2' } }
}

const kinds: Record<string, How> = {
  'the same in version 2': (want) => v2(want, 0),
  'different packs in version 2': v2,
  'packs in version 0': (want) => ({ body: fetchOf(want), headers: {} }),
}

/** Sends a request, and reads only the head of the reply until it is told to go on. */
async function beginSlow(
  stack: Stack,
  id: string,
  { body, headers }: ReturnType<How>,
  address = stack.gateway.address,
): Promise<IncomingMessage> {
  const sent = request({
    ...target(address),
    path: '/large.git/git-upload-pack',
    method: 'POST',
    agent: false,
    headers: { 'Content-Type': 'application/x-git-upload-pack-request', 'X-Request-Id': id, ...headers },
  })
  sent.on('error', () => {})
  sent.end(body)
  const [reply] = (await once(sent, 'response')) as [IncomingMessage]
  reply.on('error', () => {})
  return reply
}

async function readAll(reply: IncomingMessage): Promise<number> {
  let bytes = 0
  for await (const chunk of reply) bytes += (chunk as Buffer).length
  return bytes
}

const lineOf = (stack: Stack, id: string) => stack.supervisor.line((line) => line['requestId'] === id)

const phases = ({ requests }: HostStatus) => requests.map(({ phase }) => phase)

const clone = (stack: Stack, name = 'newcomer') =>
  git(stack.folder, ['clone', '--quiet', `${stack.url}/small.git`, join(stack.folder, name)])

async function spooled(stack: Stack): Promise<string> {
  const { body } = await ask(stack.supervisor.operations, '/metrics')
  return body
    .split('\n')
    .filter((line) => /^sluice_(?:ahead_bytes|spool_bytes|pack_readers)/.test(line))
    .join('\n')
}

for (const [kind, how] of Object.entries(kinds)) {
  test(`clients that read ${kind} hold no slot once git has written it, and get all of it`, async () => {
    const { stack, want } = await startNarrow({ SLUICE_MIN_DOWNLOAD_RATE: 'off' })
    await using _ = stack
    const ids = [0, 1, 2, 3].map((n) => `slow-${n}`)
    const replies = await Promise.all(ids.map((id, n) => beginSlow(stack, id, how(want, n))))
    await clone(stack)
    const status = await until('all gits to have ended', async () => {
      const now = await stack.status()
      return now.lanes.find(({ lane }) => lane === 'fetch')?.running === 0 && isQuiet(now) && now
    })
    assert.deepEqual(phases(status), ['sending', 'sending', 'sending', 'sending'])
    assert.match(await spooled(stack), /sluice_pack_readers_without_git\{.*\} 4$/m)
    const sizes = await Promise.all(replies.map(readAll))
    assert.ok(replies.every(({ complete }) => complete))
    for (const [n, id] of ids.entries()) {
      const line = await lineOf(stack, id)
      assert.deepEqual([line['outcome'], line['bytesOut']], ['completed', sizes[n]])
      assert.ok(sizes[n]! > 8 * 2 ** 20)
    }
    await until('the disk to be given back', async () => /^sluice_ahead_bytes\{.*\} 0$/m.test(await spooled(stack)))
  })
}

test('a client that leaves while it reads what git has written ahead frees the disk space', async () => {
  const { stack, want } = await startNarrow()
  await using _ = stack
  const reply = await beginSlow(stack, 'leaves', v2(want, 1))
  await until('git to be done', async () => phases(await stack.status()).includes('sending'))
  assert.match(await spooled(stack), /^sluice_ahead_bytes\{.*\} [1-9]/m)
  reply.destroy()
  assert.equal((await lineOf(stack, 'leaves'))['reason'], 'client_gone')
  await until('the disk to be given back', async () => /^sluice_ahead_bytes\{.*\} 0$/m.test(await spooled(stack)))
})

test('the status shows each reader of a pack with its user, and the worker that writes it, until it has', async () => {
  // Enough for what the first reader may have got when the second one joins, and too little for the pack: git goes at the
  // readers' pace.
  const { stack, want } = await startNarrow({ SLUICE_PACK_CACHE: '5MiB', SLUICE_FETCH_AHEAD: 'off' })
  await using _ = stack
  const begin = (id: string, user: string, round: number) => {
    // What is asked for again would go to disk from its first byte, and use up the disk before anybody can join.
    const { body, headers } = v2(want, round)
    return beginSlow(stack, id, { body, headers: { ...headers, 'Sluice-User': user } }, stack.supervisor.address)
  }
  const users = ['ada', 'grace']
  // They share one git as soon as the repository is old enough for that.
  for (let round = 1, isShared = false; !isShared; round++) {
    const ids = users.map((user) => `${user}-${round}`)
    const replies = [await begin(ids[0]!, 'ada', round), await begin(ids[1]!, 'grace', round)]
    const requests = await until('both to be served', async () => {
      const all = (await stack.status()).requests
      return all.length === 2 && all.every(({ phase, worker }) => phase === 'serving' && worker !== undefined) && all
    })
    await Promise.all(replies.map(readAll))
    const lines = await Promise.all(ids.map((id) => lineOf(stack, id)))
    isShared = lines.some((line) => line['cache'] === 'pack')
    assert.deepEqual(new Set(requests.map(({ user }) => user)), new Set(users))
    assert.equal(new Set(requests.map(({ worker }) => worker)).size, isShared ? 1 : 2)
  }
})

test('a long request in version 0 that waited for a slot reaches git unchanged', async () => {
  const env = { SLUICE_FETCH_SLOTS: '1', SLUICE_FETCH_AHEAD: 'off', SLUICE_MIN_DOWNLOAD_RATE: 'off' }
  const { stack, want } = await startNarrow(env)
  await using _ = stack
  const first = await beginSlow(stack, 'first', v2(want, 1))
  const haves = Array.from({ length: 8000 }, (_have, n) => pktLine(`have ${n.toString(16).padStart(40, '0')}\n`))
  const body = `${pktLine(`want ${want}\n`)}${flushPacket}${haves.join('')}${pktLine('done\n')}`
  const second = beginSlow(stack, 'second', { body, headers: {} })
  await until('it to wait', async () => (await stack.status()).lanes[0]?.waiting === 1)
  await readAll(first)
  assert.ok((await readAll(await second)) > 8 * 2 ** 20)
  const line = await lineOf(stack, 'second')
  assert.deepEqual([line['outcome'], line['bytesIn']], ['completed', body.length])
})

describe('if git cannot run ahead', () => {
  const env = { SLUICE_FETCH_AHEAD: 'off', SLUICE_PACK_CACHE: 'off', SLUICE_QUEUE_TIMEOUT: '9s' }
  const windowMs = 6000

  test('slow readers are cut off one at a time while another request waits for their slot, and not otherwise', async () => {
    const { stack, want } = await startNarrow({ ...env, SLUICE_MIN_DOWNLOAD_RATE: '1GiB' })
    await using _ = stack
    const ids = ['slow-1', 'slow-2']
    const replies = await Promise.all(ids.map((id, n) => beginSlow(stack, id, v2(want, n))))
    await until('both to be slow for long enough', async () => {
      const { requests } = await stack.status()
      return requests.length === slots && requests.every(({ ageMs }) => ageMs > 1.5 * windowMs)
    })
    await clone(stack)
    const line = await stack.supervisor.line(({ reason }) => reason === 'slow_download')
    assert.equal(line['outcome'], 'timed_out')
    const ended = ids.indexOf(line['requestId'] as string)
    await assert.rejects(readAll(replies[ended]!))
    const other = ids[1 - ended]!
    assert.ok((await readAll(replies[1 - ended]!)) > 8 * 2 ** 20)
    assert.equal((await lineOf(stack, other))['outcome'], 'completed')
  })

  test('a reader that takes enough is never cut off', async () => {
    const { stack, want } = await startNarrow({ ...env, SLUICE_MIN_DOWNLOAD_RATE: 'off' })
    await using _ = stack
    const replies = await Promise.all([1, 2].map((n) => beginSlow(stack, `kept-${n}`, v2(want, n))))
    await assert.rejects(clone(stack), /too long|busy|503/)
    await Promise.all(replies.map(readAll))
    assert.ok(replies.every(({ complete }) => complete))
  })
})
