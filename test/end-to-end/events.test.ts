import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { ask } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'
import { runSluice } from '../support/run-sluice.ts'

/** Events: who has asked for them is told of each change, once it has happened, and of none that has not. */

type Told = {
  readonly name: string
  readonly delivery: string
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
  readonly body: {
    readonly ref?: string
    readonly before?: string
    readonly after?: string
    readonly created?: boolean
    readonly deleted?: boolean
    readonly action?: string
    readonly repository?: { readonly full_name: string; readonly clone_url?: string }
    readonly pusher?: { readonly name: string }
    readonly changes?: { readonly repository: { readonly name: { readonly from: string } } }
    readonly sluice: { readonly id: string; readonly kind: string; readonly certain?: boolean }
  }
}

const zeros = '0'.repeat(40)
const secret = 'not to be told'
const made = new AsyncDisposableStack()
const told: Told[] = []
let answer = 200
let receiver: Server
let stack: Stack
let settings: Record<string, string>

before(async () => {
  const folder = made.use(await temporaryFolder()).path
  receiver = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const { headers } = incoming
      const bytes = Buffer.concat(chunks)
      const [name, delivery] = [headers['x-github-event'], headers['x-github-delivery']] as [string, string]
      if (answer === 200)
        told.push({ name, delivery, headers, bytes, body: JSON.parse(bytes.toString()) as Told['body'] })
      outgoing.writeHead(answer).end('no')
    })
  })
  made.defer(() => void receiver.close())
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  const { port } = receiver.address() as AddressInfo
  await writeFile(join(folder, 'secret'), `${secret}\n`, { mode: 0o600 })
  const entry = {
    name: 'ci',
    address: `http://127.0.0.1:${port}/hook?token=abc`,
    secret_file: join(folder, 'secret'),
    repositories: ['team/**'],
    networks: ['127.0.0.1'],
  }
  const refused = { name: 'inside', address: `http://127.0.0.1:${port}/`, repositories: ['nobody/**'] }
  await writeFile(join(folder, 'events.yaml'), JSON.stringify({ receivers: [entry, refused] }))
  settings = {
    SLUICE_EVENTS_FILE: join(folder, 'events.yaml'),
    SLUICE_EVENTS_FOLDER: join(folder, 'journal'),
    SLUICE_EVENT_STREAM: 'on',
    SLUICE_PUBLIC_URL: 'https://git.example.org',
  }
  stack = made.use(await startStack(settings))
})
after(() => made.disposeAsync())

let count = 0

/** A work folder with one commit. */
async function workFolder(): Promise<{ name: string; url: string; work: string; head: () => Promise<string> }> {
  const name = `team/project-${++count}`
  const work = join(stack.folder, `work-${count}`)
  await mkdir(work)
  await git(work, ['init', '--quiet', '--initial-branch', 'main', '.'])
  await git(work, ['commit', '--quiet', '--allow-empty', '--message', 'first'])
  return {
    name,
    url: `${stack.url}/${name}.git`,
    work,
    head: async () => (await git(work, ['rev-parse', 'HEAD'])).trim(),
  }
}

/** A host that was killed sends some once more, under the same id. */
function toldOf(name: string): Told[] {
  const seen = new Set<string>()
  return told.filter(({ body, delivery }) => {
    const isNew = body.repository?.full_name === name && !seen.has(delivery)
    seen.add(delivery)
    return isNew
  })
}

async function untilTold(name: string, number: number): Promise<Told[]> {
  return await until(`${number} events of ${name}`, () => (toldOf(name).length >= number ? toldOf(name) : undefined))
}

function sluice(...args: string[]) {
  return runSluice(args, { ...settings, SLUICE_RUN_FOLDER: join(stack.folder, 'run'), SLUICE_ROOT: stack.root })
}

async function administer(method: string, path: string, values: object): Promise<void> {
  const body = JSON.stringify(values)
  const headers = { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)) }
  const reply = await ask(`unix:${join(stack.folder, 'run/administration.sock')}`, path, { method, headers, body })
  assert.ok(reply.status < 300, reply.body)
}

test('a receiver is told of a new repository and of each reference, signed, in the shape that CI systems read', async () => {
  const { name, url, work, head } = await workFolder()
  await git(work, ['tag', 'v1'])
  await git(work, ['push', '--quiet', url, 'main', 'v1'])
  const first = await head()
  await git(work, ['commit', '--quiet', '--allow-empty', '--message', 'second'])
  await git(work, ['push', '--quiet', url, 'main', ':v1'])
  const [created, ...pushes] = await untilTold(name, 5)
  assert.equal(created!.name, 'repository')
  assert.equal(created!.body.action, 'created')
  assert.equal(created!.body.repository!.clone_url, `https://git.example.org/${name}.git`)
  assert.deepEqual(
    pushes.map(({ name: event, body }) => [event, body.ref, body.before, body.after, body.created, body.deleted]),
    [
      ['push', 'refs/heads/main', zeros, first, true, false],
      ['push', 'refs/tags/v1', zeros, first, true, false],
      ['push', 'refs/heads/main', first, await head(), false, false],
      ['push', 'refs/tags/v1', first, zeros, false, true],
    ],
  )
  for (const { headers, bytes, delivery, body } of [created!, ...pushes]) {
    const signature = createHmac('sha256', secret).update(bytes).digest('hex')
    assert.equal(headers['x-hub-signature-256'], `sha256=${signature}`)
    assert.equal(delivery, body.sluice.id)
  }
  const ids = toldOf(name).map(({ delivery }) => delivery)
  assert.deepEqual(ids, ids.toSorted())
})

test('a repository that an upload of LFS creates is told before the push that follows, and none that was taken back', async () => {
  const { name, url, work } = await workFolder()
  const put = async (body: string, oid = createHash('sha256').update(body).digest('hex')) =>
    await ask(stack.gateway.address, `/${name}.git/info/lfs/objects/${oid}`, { method: 'PUT', body })
  assert.equal((await put('an object', 'a'.repeat(64))).status, 422)
  assert.deepEqual(
    (await Promise.all(['one', 'two', 'three'].map((body) => put(body)))).map(({ status }) => status),
    [200, 200, 200],
  )
  await git(work, ['push', '--quiet', url, 'main'])
  const events = await untilTold(name, 2)
  assert.deepEqual(
    events.map(({ body }) => body.ref ?? body.action),
    ['created', 'refs/heads/main'],
  )
})

test('nobody is told of a push that changes nothing', async () => {
  const { name, url, work, head } = await workFolder()
  await git(work, ['push', '--quiet', url, 'main'])
  await writeHook(join(stack.root, `${name}.git`), 'update', '[ "$1" = refs/heads/good ]')
  const result = await tryGit(work, ['push', '--quiet', url, 'main:bad', 'main:good'])
  assert.notEqual(result.code, 0)
  const events = await untilTold(name, 3)
  assert.deepEqual(
    events.slice(1).map(({ body }) => [body.ref, body.after]),
    [
      ['refs/heads/main', await head()],
      ['refs/heads/good', await head()],
    ],
  )
})

test('operators’ changes are told, and the command lists, sends again and tries', async () => {
  await administer('POST', '/-/repositories', { name: 'team/by-hand' })
  await administer('POST', '/-/repositories/team%2Fby-hand/rename', { to: 'team/renamed' })
  await administer('DELETE', '/-/repositories/team%2Frenamed', {})
  await untilTold('team/by-hand', 1)
  const events = await untilTold('team/renamed', 2)
  assert.deepEqual(
    events.map(({ body }) => [body.action, body.changes?.repository.name.from]),
    [
      ['renamed', 'by-hand'],
      ['deleted', undefined],
    ],
  )
  const { delivery } = events[0]!
  const listed = JSON.parse((await sluice('events', 'list', '--json')).stdout) as {
    events: { id: string; waiting: string[] }[]
  }
  assert.deepEqual(listed.events.find(({ id }) => id === delivery)?.waiting, [])
  assert.match((await sluice('events', 'resend', delivery)).stdout, /^ci has taken it \(200/)
  assert.equal(told.filter((one) => one.delivery === delivery).length, 2)
  assert.match((await sluice('events', 'test', 'ci')).stdout, /^ci has taken it/)
  assert.ok(told.some((one) => one.name === 'ping'))
  const refused = await sluice('events', 'test', 'inside')
  assert.equal(refused.code, 1)
  assert.match(refused.stdout, /inside of the operator’s network/)
  assert.match((await sluice('events', 'test', 'nobody')).stderr, /There is no receiver "nobody"/)
  const metrics = (await ask(stack.supervisor.operations, '/metrics')).body
  assert.match(metrics, /sluice_events_total\{kind="rename",app="supervisor"\} 1/)
  assert.match(metrics, /sluice_event_deliveries_total\{receiver="ci",result="taken",app="supervisor"\} \d/)
  // The address may have a token in it.
  assert.doesNotMatch(JSON.stringify(stack.supervisor.lines), /token=abc/)
})

test('whoever listens hears of events, and of those that were missed meanwhile', async () => {
  const { name, url, work, head } = await workFolder()
  const listening = new AbortController()
  const address = `http://${stack.supervisor.operations}/-/events?repository=${name}`
  const reply = await fetch(address, { signal: listening.signal })
  assert.equal(reply.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  await git(work, ['push', '--quiet', url, 'main'])
  let text = ''
  for await (const chunk of reply.body!) {
    text += Buffer.from(chunk).toString()
    if (text.includes('event: push')) break
  }
  listening.abort()
  const [id = ''] = /(?<=^id: ).*/m.exec(text) ?? []
  const [data = ''] = /(?<=^event: create\ndata: ).*/m.exec(text) ?? []
  assert.equal((JSON.parse(data) as { repository: string }).repository, name)
  await git(work, ['push', '--quiet', url, 'main:later'])
  const again = new AbortController()
  const resumed = await fetch(address, { headers: { 'Last-Event-ID': id }, signal: again.signal })
  let missed = ''
  for await (const chunk of resumed.body!) {
    missed += Buffer.from(chunk).toString()
    if (/refs\/heads\/later.*\n\n/.test(missed)) break
  }
  again.abort()
  const refs = [...missed.matchAll(/^data: (.*)$/gm)].map(
    ([, json = '']) => JSON.parse(json) as { ref: string; new: string },
  )
  assert.deepEqual(
    refs.map((one) => [one.ref, one.new]),
    [
      ['refs/heads/main', await head()],
      ['refs/heads/later', await head()],
    ],
  )
  assert.equal((await fetch(address, { headers: { 'Last-Event-ID': 'x' } })).status, 400)
})

test('a push whose host is killed after git has changed the reference is told when the host is back', async () => {
  const { name, url, work, head } = await workFolder()
  await git(work, ['push', '--quiet', url, 'main'])
  await untilTold(name, 2)
  const gitDir = join(stack.root, `${name}.git`)
  const reached = join(stack.folder, 'reached')
  // The first hook runs before the change, the second after it: in both, the host is killed.
  for (const [hook, isDone] of [
    ['pre-receive', false],
    ['post-receive', true],
  ] as const) {
    await rm(reached, { force: true })
    await writeHook(gitDir, hook, `touch ${reached}; exec sleep 600`)
    await git(work, ['commit', '--quiet', '--allow-empty', '--message', hook])
    const pushing = tryGit(work, ['push', '--quiet', url, `main:${hook}`])
    await until('the hook', async () => (await readFile(reached).catch(() => undefined)) !== undefined)
    stack.supervisor.signal('SIGKILL')
    await stack.supervisor.exited
    await pushing
    await rm(join(gitDir, 'hooks', hook))
    await stack.restartSupervisor()
    const now = (await tryGit(gitDir, ['rev-parse', '--verify', '--quiet', `refs/heads/${hook}`])).stdout.trim()
    assert.equal(now, isDone ? await head() : '')
  }
  const events = await untilTold(name, 3)
  assert.deepEqual(
    events.slice(2).map(({ body }) => [body.ref, body.before, body.after, body.sluice.certain]),
    [['refs/heads/post-receive', zeros, await head(), undefined]],
  )
})

test('what a receiver does not take comes later, also after the host was killed, and in its order', async () => {
  const { name, url, work } = await workFolder()
  answer = 500
  await git(work, ['push', '--quiet', url, 'main'])
  for (const branch of ['a', 'b', 'c']) await git(work, ['push', '--quiet', url, `main:${branch}`])
  await stack.supervisor.line(
    ({ msg, repository }) => msg === 'a receiver has not taken an event' && repository === name,
  )
  stack.supervisor.signal('SIGKILL')
  await stack.supervisor.exited
  answer = 200
  await stack.restartSupervisor()
  const events = await untilTold(name, 5)
  assert.deepEqual(
    events.map(({ body }) => body.ref ?? body.action),
    ['created', 'refs/heads/main', 'refs/heads/a', 'refs/heads/b', 'refs/heads/c'],
  )
})
