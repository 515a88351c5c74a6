import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { git } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import type { Reply } from '@sluice/shared/testing/http'
import { isQuiet, startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** Under any load, refusals are early, cheap and in words, and admitted requests are served. */

const waits = fileURLToPath(new URL('../fixtures/waits-for-release.sh', import.meta.url))

/** Starts a stack whose git waits, in each of these repositories, until it is released. */
async function startWaiting(repositories: string[], env: Record<string, string>): Promise<Stack> {
  const patient = { SLUICE_QUEUE_TIMEOUT: '1h', SLUICE_IDLE_TIMEOUT: '1h' }
  const stack = await startStack({ SLUICE_GIT: waits, SLUICE_CREATE_ON_PUSH: 'off', ...patient, ...env })
  for (const name of repositories)
    await git(stack.folder, ['init', '--quiet', '--bare', join(stack.root, `${name}.git`)])
  return stack
}

const release = (stack: Stack, repository: string) => writeFile(join(stack.root, `${repository}.git/release`), '')

const fetchFrom = (stack: Stack, repository: string, headers: Record<string, string> = {}) =>
  ask(stack.gateway.address, `/${repository}.git/info/refs?service=git-upload-pack`, { headers })

const pushAdvertisementOf = (stack: Stack, repository: string) =>
  ask(stack.gateway.address, `/${repository}.git/info/refs?service=git-receive-pack`)

const pushTo = (stack: Stack, repository: string) =>
  ask(stack.gateway.address, `/${repository}.git/git-receive-pack`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-git-receive-pack-request' },
    body: '00000000',
  })

const many = <T>(count: number, make: (index: number) => T) => Array.from({ length: count }, (_, index) => make(index))

const countOf = (replies: Reply[], status: number) => replies.filter((reply) => reply.status === status).length

async function laneOf(stack: Stack, name: string) {
  const lane = (await stack.status()).lanes.find((one) => one.lane === name)
  if (!lane) throw new Error(`There is no lane ${name}.`)
  return lane
}

/** Waits until all slots of a lane are held. */
async function untilFull(stack: Stack, name: string): Promise<void> {
  await until(`the lane ${name} to be full`, async () => {
    const { running, slots } = await laneOf(stack, name)
    return running === slots
  })
}

test('ten times more clients than slots: admitted requests are served, the rest are refused, and no slot is held twice', async () => {
  await using stack = await startWaiting(['project'], {
    SLUICE_FETCH_SLOTS: '4',
    SLUICE_LARGEST_SHARE: '100%',
    SLUICE_QUEUE_LENGTH: '8',
  })
  const asked = many(40, () => fetchFrom(stack, 'project'))
  const refused = await until('28 refusals', async () => {
    const settled = await Promise.all(asked.map((reply) => Promise.race([reply, Promise.resolve(undefined)])))
    const answered = settled.filter((reply) => reply !== undefined)
    return answered.length === 28 && answered
  })
  for (const { status, body, headers } of refused) {
    assert.equal(status, 503)
    assert.equal(headers['retry-after'], '1')
    assert.equal(headers['sluice-reason'], 'queue_full')
    assert.match(body, /^The server is busy: .*try again/)
  }
  const { running, waiting } = await laneOf(stack, 'fetch')
  assert.deepEqual({ running, waiting }, { running: 4, waiting: 8 })
  await release(stack, 'project')
  assert.equal(countOf(await Promise.all(asked), 200), 12)
  // Each git has noted its beginning and its end.
  const log = (await readFile(join(stack.root, 'project.git/log'), 'utf8')).trim().split('\n')
  assert.equal(log.filter((line) => line === 'begin').length, 12)
  let atOnce = 0
  for (const line of log) assert.ok((atOnce += line === 'begin' ? 1 : -1) <= 4)
  await until('all to be over', async () => isQuiet(await stack.status()))
})

test('floods of fetches, of pushes and of their advertisements hold up only their own kind', async () => {
  await using stack = await startWaiting(['flooded', 'other'], {
    SLUICE_FETCH_SLOTS: '2',
    SLUICE_PUSH_SLOTS: '2',
    SLUICE_PUSH_ADVERTISEMENT_SLOTS: '2',
    SLUICE_LARGEST_SHARE: '100%',
  })
  await release(stack, 'other')
  const kinds = { 'fetch': fetchFrom, 'push-advertisement': pushAdvertisementOf, 'push': pushTo }
  const others = { 'fetch': pushTo, 'push-advertisement': fetchFrom, 'push': pushAdvertisementOf }
  for (const kind of ['fetch', 'push-advertisement', 'push'] as const) {
    const flood = many(20, () => kinds[kind](stack, 'flooded'))
    await until('the flood to wait', async () => (await laneOf(stack, kind)).waiting === 18)
    const unaffected = Object.keys(kinds).filter((other) => other !== kind) as (keyof typeof kinds)[]
    for (const other of unaffected)
      assert.equal((await kinds[other](stack, 'other')).status, 200, `${other} in ${kind}`)
    assert.equal((await others[kind](stack, 'other')).status, 200)
    assert.equal((await laneOf(stack, kind)).waiting, 18)
    await release(stack, 'flooded')
    assert.equal(countOf(await Promise.all(flood), 200), 20)
    await rm(join(stack.root, 'flooded.git/release'))
  }
})

test('a busy repository leaves slots to the others, and they do not wait behind its queue', async () => {
  await using stack = await startWaiting(['busy', 'other'], {
    SLUICE_FETCH_SLOTS: '4',
    SLUICE_LARGEST_SHARE: '50%',
    SLUICE_TRUSTED_PROXIES: '127.0.0.1',
  })
  await release(stack, 'other')
  const busy = many(30, () => fetchFrom(stack, 'busy', { 'X-Forwarded-For': '203.0.113.1' }))
  await until('the busy ones to wait', async () => (await laneOf(stack, 'fetch')).waiting === 28)
  const others = many(10, () => fetchFrom(stack, 'other', { 'X-Forwarded-For': '203.0.113.2' }))
  assert.equal(countOf(await Promise.all(others), 200), 10)
  // The last one's reply has ended a moment before its slot is free.
  await until('the others to have freed their slots', async () => (await laneOf(stack, 'fetch')).running === 2)
  assert.equal((await laneOf(stack, 'fetch')).waiting, 28)
  await release(stack, 'busy')
  assert.equal(countOf(await Promise.all(busy), 200), 30)
})

test('a request that waits too long is refused with 503', async () => {
  await using stack = await startWaiting(['project'], { SLUICE_FETCH_SLOTS: '1', SLUICE_QUEUE_TIMEOUT: '200ms' })
  const held = fetchFrom(stack, 'project')
  await untilFull(stack, 'fetch')
  const late = await fetchFrom(stack, 'project')
  assert.equal(late.status, 503)
  assert.equal(late.headers['sluice-reason'], 'queue_timeout')
  await release(stack, 'project')
  assert.equal((await held).status, 200)
})

describe('one client', () => {
  const env = { SLUICE_CLIENT_REQUESTS: '2', SLUICE_CLIENT_QUEUE: '3', SLUICE_TRUSTED_PROXIES: '127.0.0.1' }
  const from = (address: string) => ({ 'X-Forwarded-For': address })

  test('has a limited number of requests at work and waiting, then gets 429; another client is served meanwhile', async () => {
    await using stack = await startWaiting(['project', 'other'], env)
    await release(stack, 'other')
    const flood = many(200, () => fetchFrom(stack, 'project', from('203.0.113.1')))
    const refused = await until('195 refusals', async () => {
      const settled = await Promise.all(flood.map((reply) => Promise.race([reply, Promise.resolve(undefined)])))
      const answered = settled.filter((reply) => reply !== undefined)
      return answered.length === 195 && answered
    })
    assert.equal(countOf(refused, 429), 195)
    assert.equal(refused[0]?.headers['retry-after'], '1')
    assert.equal(refused[0]?.headers['sluice-reason'], 'client_full')
    assert.equal((await fetchFrom(stack, 'other', from('203.0.113.2'))).status, 200)
    assert.equal((await fetchFrom(stack, 'other', from('2001:db8::1'))).status, 200)
    await release(stack, 'project')
    assert.equal(countOf(await Promise.all(flood), 200), 5)
    const line = await stack.supervisor.line((l) => l['client'] === '2001:db8::1')
    assert.equal(line['outcome'], 'completed')
  })

  test('is an IPv6 network, not each of its addresses', async () => {
    await using stack = await startWaiting(['project'], env)
    const flood = many(20, (n) => fetchFrom(stack, 'project', from(`2001:db8::${n + 1}`)))
    await until('the refusals', () => stack.gateway.lines.filter((l) => l['reason'] === 'client_full').length === 15)
    await release(stack, 'project')
    assert.equal(countOf(await Promise.all(flood), 200), 5)
  })

  test('cannot pass for another by a header of its own', async () => {
    await using stack = await startWaiting(['project'], { ...env, SLUICE_TRUSTED_PROXIES: 'none' })
    const flood = many(20, (n) => fetchFrom(stack, 'project', from(`203.0.113.${n + 1}`)))
    await until('the refusals', () => stack.gateway.lines.filter((l) => l['reason'] === 'client_full').length === 15)
    await release(stack, 'project')
    assert.equal(countOf(await Promise.all(flood), 200), 5)
    assert.ok(stack.gateway.lines.filter((l) => 'client' in l).every((l) => l['client'] === '127.0.0.1'))
  })

  test('git shows its user why it was refused', async () => {
    await using stack = await startWaiting(['project'], { SLUICE_CLIENT_REQUESTS: '1', SLUICE_CLIENT_QUEUE: '0' })
    const held = fetchFrom(stack, 'project')
    await untilOneRuns(stack)
    await assert.rejects(
      git(stack.folder, ['ls-remote', `${stack.url}/project.git`]),
      /remote: Too many requests from you are under way already[\s\S]*429/,
    )
    await release(stack, 'project')
    assert.equal((await held).status, 200)
  })
})

async function untilOneRuns(stack: Stack): Promise<void> {
  await until('one to run', async () => (await laneOf(stack, 'fetch')).running === 1)
}

describe('a client that leaves while it waits', () => {
  const env = { SLUICE_PUSH_SLOTS: '1' }

  for (const [size, mebibytes, headers] of [
    ['a body that git sends whole', 0.875, {}],
    ['a large body, as git', 8, { 'User-Agent': 'git/2.47.0' }],
  ] as const) {
    test(`with ${size} leaves the queue`, async () => {
      await using stack = await startWaiting(['project'], env)
      const held = pushTo(stack, 'project')
      await untilFull(stack, 'push')
      const [host, port] = stack.gateway.address.split(':')
      const length = mebibytes * 2 ** 20
      const leaver = request({
        host,
        port,
        agent: false,
        path: '/project.git/git-receive-pack',
        method: 'POST',
        headers: {
          ...headers,
          'Content-Type': 'application/x-git-receive-pack-request',
          'X-Request-Id': 'leaver',
          'Content-Length': length,
        },
      })
      leaver.on('error', () => {})
      leaver.write(`0000${'x'.repeat(length - 4)}`)
      await until('it to wait', async () => (await laneOf(stack, 'push')).waiting === 1)
      leaver.destroy()
      await until('it to leave the queue', async () => (await laneOf(stack, 'push')).waiting === 0)
      assert.equal((await stack.supervisor.line((l) => l['requestId'] === 'leaver'))['outcome'], 'client_gone')
      assert.equal((await stack.gateway.line((l) => l['requestId'] === 'leaver'))['outcome'], 'client_gone')
      await release(stack, 'project')
      assert.equal((await held).status, 200)
    })
  }

  test('a push that waits with a large body is served whole when its turn comes', async () => {
    await using stack = await startWaiting(['project'], { ...env, SLUICE_GIT: 'git' })
    const leaveHeld = await holdPushSlot(stack)
    const work = join(stack.folder, 'work')
    await git(stack.folder, ['init', '--quiet', work])
    await writeFile(join(work, 'large'), Buffer.from(many(6 * 2 ** 20, () => Math.random() * 256)))
    await git(work, ['add', '.'])
    await git(work, ['commit', '--quiet', '-m', 'Large'])
    const trace = join(stack.folder, 'trace')
    const traced = { GIT_TRACE_CURL: trace, GIT_TRACE_CURL_NO_DATA: '1' }
    const pushed = git(work, ['push', '--quiet', `${stack.url}/project.git`, 'main'], { env: traced })
    await until(
      'two interim replies',
      async () => (await readFile(trace, 'utf8').catch(() => '')).split(' 102 ').length > 2,
    )
    assert.equal((await laneOf(stack, 'push')).waiting, 1)
    leaveHeld()
    await pushed
    const here = join(stack.root, 'project.git')
    assert.equal(await git(here, ['rev-parse', 'main']), await git(work, ['rev-parse', 'HEAD']))
    await git(here, ['fsck', '--full'])
  })
})

/**
 * Begins a push that holds the only slot until its client leaves.
 *
 * @returns a function that makes it leave
 */
async function holdPushSlot(stack: Stack): Promise<() => void> {
  const [host, port] = stack.gateway.address.split(':')
  const held = request({
    host,
    port,
    agent: false,
    path: '/project.git/git-receive-pack',
    method: 'POST',
    headers: { 'Content-Type': 'application/x-git-receive-pack-request', 'Transfer-Encoding': 'chunked' },
  })
  held.on('error', () => {})
  // Only the beginning of a push.
  held.write('00940000000000000000000000000000000000000000')
  await untilFull(stack, 'push')
  return () => held.destroy()
}
