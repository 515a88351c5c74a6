import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { readEvents } from '@sluice/gitworker/events/journal/read-records'
import type { Event } from '@sluice/gitworker/events/record/event'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { serveHttp } from '@sluice/shared/testing/serve-http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/**
 * Mirrors of upstreams that behave, and that do not. The upstreams are other repositories of the same stack, reached through a
 * server that does to each request what the first part of its path says.
 */

type MirrorStatus = {
  readonly repository: string
  readonly phase: string
  readonly lastSuccess?: string
  readonly failures: number
  readonly lastFailure?: { readonly reason: string; readonly said: string }
}

const command = fileURLToPath(new URL('../../apps/command/src/main.ts', import.meta.url))
const secret = 'p&ss w:rd/é'
const made = new AsyncDisposableStack()
let folder: string
let file: string
let stack: Stack
let upstream: string
/** Requests that came to the upstream, by the path without the first part. */
const asked: { readonly how: string; readonly path: string; readonly authorization: string | undefined }[] = []
let isVanished = false
/** Called for each request with the right password, before it is answered. */
let whileLocked = () => {}
const seenInProcesses: string[] = []

before(async () => {
  folder = made.use(await temporaryFolder()).path
  file = join(folder, 'mirrors.yaml')
  await writeFile(file, 'mirrors: []\n')
  stack = made.use(
    await startStack({
      SLUICE_MIRRORS_FILE: file,
      SLUICE_MIRROR_LOCAL_FOLDER: join(folder, 'local'),
      SLUICE_MIRROR_HOST_SLOTS: '16',
      SLUICE_MAX_REPOSITORY: 'm/small=500B, **=1GiB',
      SLUICE_AUDIT_LOG: join(folder, 'audit'),
      SLUICE_FSCK_OBJECTS: 'on',
      SLUICE_EVENT_STREAM: 'on',
      SLUICE_EVENTS_FOLDER: join(folder, 'events'),
    }),
  )
  const { port } = made.use(await serveHttp((incoming, outgoing) => misbehave(incoming, outgoing)))
  upstream = `http://127.0.0.1:${port}`
})
after(() => made.disposeAsync())

function misbehave(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const [, how = '', rest = ''] = /^\/([^/]+)(\/.*)$/.exec(incoming.url ?? '') ?? []
  const { authorization } = incoming.headers
  asked.push({ how, path: rest, authorization })
  const isPost = incoming.method === 'POST'
  if (how === 'hang') return
  if (how === 'failing' || (how === 'vanishing' && isVanished)) return void outgoing.writeHead(500).end('no')
  if (how === 'redirecting') return void outgoing.writeHead(302, { Location: `${stack.url}${rest}` }).end()
  if (how === 'locked' && authorization !== `Basic ${Buffer.from(`me:${secret}`).toString('base64')}`) {
    return void outgoing.writeHead(401, { 'WWW-Authenticate': 'Basic realm="x"' }).end()
  }
  if (how === 'locked') whileLocked()
  if (how === 'endless' && isPost) return dripForEver(outgoing)
  const headers = { ...incoming.headers, host: new URL(stack.url).host }
  delete headers.authorization
  const forward = request(`${stack.url}${rest}`, { method: incoming.method, headers }, (reply) => {
    // More may be sent than the reply has.
    if (how === 'preparing') delete reply.headers['content-length']
    outgoing.writeHead(reply.statusCode ?? 500, reply.headers)
    if (how === 'preparing' && isPost) return prepareForLong(reply, outgoing)
    if (how !== 'cutting' || !isPost) {
      reply.pipe(outgoing)
      return
    }
    let isCut = false
    reply.on('data', (chunk: Buffer) => {
      if (isCut) return
      isCut = chunk.includes('packfile')
      outgoing.write(isCut ? chunk.subarray(0, -50) : chunk, () => isCut && outgoing.destroy())
    })
    reply.on('end', () => isCut || outgoing.end())
  })
  forward.on('error', () => how === 'dripping' || outgoing.destroy())
  if (how !== 'dripping' || !isPost) return void incoming.pipe(forward)
  incoming.once('data', (beginning: Buffer) => {
    if (beginning.includes('command=fetch')) {
      dripSlowly(outgoing)
      forward.destroy()
    } else {
      forward.write(beginning)
      incoming.pipe(forward)
    }
  })
}

function dripForEver(outgoing: ServerResponse): void {
  outgoing.writeHead(200, { 'Content-Type': 'application/x-git-upload-pack-result' })
  const line = `${'1'.repeat(40)} refs/heads/`
  const send = () => {
    if (outgoing.destroyed) return
    const packets = Array.from({ length: 100 }, (_, index) => {
      const text = `${line}${performance.now()}-${index}\n`
      return (text.length + 4).toString(16).padStart(4, '0') + text
    })
    outgoing.write(packets.join(''), () => setTimeout(send, 20))
  }
  send()
}

/** A few bytes at a time: enough for a limit of one byte in a second. */
function dripSlowly(outgoing: ServerResponse): void {
  outgoing.writeHead(200, { 'Content-Type': 'application/x-git-upload-pack-result' })
  outgoing.write('000dpackfile\n')
  const timer = setInterval(() => outgoing.write('0014\u0002Be patient....\n'), 100)
  outgoing.on('close', () => clearInterval(timer))
}

/** Longer than the stall of its mirror. */
const prepareMs = 4500

/** As git does before a large pack: it has nothing to send, and sends empty packets (`uploadpack.keepAlive`). */
function prepareForLong(reply: IncomingMessage, outgoing: ServerResponse): void {
  reply.once('data', (chunk: Buffer) => {
    const head = '000dpackfile\n'
    const goOn = (from: number) => {
      outgoing.write(chunk.subarray(from))
      reply.pipe(outgoing)
    }
    if (!chunk.toString('latin1').startsWith(head)) return goOn(0)
    reply.pause()
    outgoing.write(head)
    const timer = setInterval(() => outgoing.write('0005\u0001'), 250)
    setTimeout(() => {
      clearInterval(timer)
      goOn(head.length)
    }, prepareMs)
  })
}

/** A repository of the stack that can be an upstream. */
async function source(name: string, ...options: string[]): Promise<string> {
  const gitDir = join(stack.root, `${name}.git`)
  await mkdir(gitDir, { recursive: true })
  await git(gitDir, ['init', '--quiet', '--bare', ...options, '.'])
  await importHistory(gitDir, 3)
  return gitDir
}

const entries = new Map<string, string>()
let writes = 0

/** Adds entries to the file. */
async function add(...lines: readonly string[]): Promise<void> {
  for (const line of lines) entries.set(/repository: ([^,}]+)/.exec(line)![1]!, line)
  await write()
}

async function write(): Promise<void> {
  await writeFile(file, `# ${++writes}\nmirrors:\n${[...entries.values()].map((line) => `  - ${line}\n`).join('')}`)
}

async function mirror(name: string): Promise<MirrorStatus | undefined> {
  const status = (await stack.status()) as unknown as { mirrors: { mirrors: MirrorStatus[] } }
  return status.mirrors.mirrors.find(({ repository }) => repository === name)
}

async function untilCopied(name: string): Promise<string> {
  await until(`${name} is copied`, async () => (await mirror(name))?.lastSuccess)
  return join(stack.root, `${name}.git`)
}

async function untilFailed(name: string): Promise<MirrorStatus> {
  return await until(`${name} has failed`, async () => {
    const found = await mirror(name)
    return found && found.failures > 0 && found.phase === 'resting' ? found : undefined
  })
}

const refsOf = (gitDir: string, ...patterns: string[]) =>
  git(gitDir, ['for-each-ref', '--format=%(objectname) %(refname)', ...patterns])

/** What was told of a repository, as the journal has it. */
async function toldOf(name: string): Promise<Event[]> {
  const told: Event[] = []
  const journal = { folder: join(folder, 'events') }
  for await (const { event } of readEvents(journal, { segment: 0, offset: 0 }, { segment: 1e9, offset: 0 }, name))
    told.push(event)
  return told
}

/** Nothing of a run is left: no process, no lock, no temporary file, no file with a password. */
async function checkNothingIsLeft(): Promise<void> {
  await until('no git runs', async () => (await stack.gitProcesses()).length === 0)
  const left = globSync('**/{*.lock,tmp_*,*.keep,FETCH_HEAD,packed-refs.new}', { cwd: stack.root })
  assert.deepEqual(left, [])
  // One that is asked each second has a folder at times.
  await until('no run has files', async () => (await readdir(join(stack.folder, 'run/mirrors'))).length === 0)
}

test('a mirror is copied, follows its upstream, and takes no pushes', async () => {
  const up = await source('up/one')
  await git(up, ['update-ref', 'refs/pull/1/head', 'main'])
  await git(up, ['tag', '-a', 'v1', '-m', 'One', 'main'])
  await git(up, ['branch', 'f', 'main'])
  await add(`{repository: m/one, upstream: ${upstream}/good/up/one.git, interval: 1s}`)
  const here = await untilCopied('m/one')
  assert.equal(await refsOf(here), await refsOf(up, 'refs/heads', 'refs/tags'))
  assert.equal(await git(here, ['symbolic-ref', 'HEAD']), 'refs/heads/main')
  assert.equal(await git(here, ['config', 'sluice.mirror']), 'm/one')
  assert.ok(existsSync(join(here, 'packed-refs')))

  // A branch gives way to one below its name; history is rewritten; HEAD moves.
  await git(up, ['branch', '-D', 'f'])
  await git(up, ['branch', 'f/g', 'main'])
  await git(up, ['update-ref', 'refs/heads/main', await git(up, ['rev-parse', 'main~1'])])
  await git(up, ['branch', 'trunk', 'main~1'])
  await git(up, ['symbolic-ref', 'HEAD', 'refs/heads/trunk'])
  await until(
    'it is as its upstream',
    async () => (await refsOf(here)) === (await refsOf(up, 'refs/heads', 'refs/tags')),
  )
  await until('HEAD follows', async () => (await git(here, ['symbolic-ref', 'HEAD'])) === 'refs/heads/trunk')

  const work = join(stack.folder, 'work-one')
  await git(stack.folder, ['clone', '--quiet', `${stack.url}/m/one.git`, work])
  assert.equal(await git(work, ['branch', '--show-current']), 'trunk')
  await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'More'])
  const { code, stderr } = await tryGit(work, ['push', 'origin', 'trunk'])
  assert.notEqual(code, 0)
  assert.match(stderr, new RegExp(`is a mirror of ${upstream}/good/up/one\\.git`))
  const audit = (await readFile(join(folder, 'audit'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.ok(
    audit.some(({ event, user, repository }) => event === 'mirror' && user === 'mirror' && repository === 'm/one'),
  )
  // A run tells at its end.
  const told = await until('the end of f to be told', async () => {
    const all = await toldOf('m/one')
    const trunk = await git(here, ['rev-parse', 'trunk'])
    const has = (name: string, id: string) => all.some(({ ref, new: to }) => ref === `refs/heads/${name}` && to === id)
    return has('f', '0'.repeat(40)) && has('trunk', trunk) && all
  })
  assert.ok(told.every(({ user }) => user === 'mirror'))
  assert.equal(told[0]!.kind, 'create')
  const first = new Set(told.slice(1, 4).map(({ ref }) => ref))
  assert.deepEqual(first, new Set(['refs/heads/f', 'refs/heads/main', 'refs/tags/v1']))
  const last = new Map(told.map(({ ref, new: id }) => [ref, id]))
  assert.deepEqual(
    [last.get('refs/heads/f'), last.get('refs/heads/trunk')],
    ['0'.repeat(40), await git(here, ['rev-parse', 'trunk'])],
  )
})

test('a repository that is no mirror is left as it is, also where a push came after the entry was gone', async () => {
  await source('up/two')
  const other = await source('m/taken')
  await git(other, ['branch', 'own', 'main'])
  await add(
    `{repository: m/taken, upstream: ${upstream}/good/up/two.git}`,
    `{repository: m/two, upstream: ${upstream}/good/up/two.git}`,
  )
  assert.equal((await untilFailed('m/taken')).lastFailure?.reason, 'taken')
  assert.match(await refsOf(other), /refs\/heads\/own/)

  const here = await untilCopied('m/two')
  entries.delete('m/two')
  await write()
  await until('the entry is gone', async () => !(await mirror('m/two')))
  const work = join(stack.folder, 'work-two')
  await git(stack.folder, ['clone', '--quiet', `${stack.url}/m/two.git`, work])
  await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'Mine'])
  await git(work, ['push', '--quiet', 'origin', 'main'])
  const mine = await refsOf(here)
  await add(`{repository: m/two, upstream: ${upstream}/good/up/two.git}`)
  assert.equal((await untilFailed('m/two')).lastFailure?.reason, 'taken')
  assert.equal(await refsOf(here), mine)
})

test('an upstream that misbehaves costs its own mirror only, and says why', async () => {
  await source('up/three')
  await git(join(stack.root, 'up/three.git'), ['repack', '-a', '-d', '-q'])
  // A short stall only where it is waited for.
  const of = (how: string, more = '') => `{repository: m/${how}, upstream: ${upstream}/${how}/up/three.git${more}}`
  await mkdir(join(folder, 'local'))
  await add(
    of('hang', ', stall: 1s'),
    of('failing'),
    of('redirecting'),
    of('cutting'),
    of('endless', ', stall: 1s'),
    of('dripping', ', stall: 1s, min_rate: 1KiB'),
    of('locked'),
    `{repository: m/missing, upstream: ${upstream}/good/up/no-such.git}`,
    `{repository: m/small, upstream: ${upstream}/good/up/three.git}`,
    `{repository: m/outside, upstream: "file://${stack.root}/up/three.git"}`,
    `{repository: m/closed, upstream: "http://127.0.0.1:1/x.git"}`,
    `{repository: m/healthy, upstream: ${upstream}/good/up/three.git}`,
    of('preparing', ', stall: 3s'),
  )
  await untilCopied('m/healthy')
  await untilCopied('m/preparing')
  const expected = {
    hang: 'stalled',
    failing: 'upstream_failed',
    redirecting: 'redirected',
    cutting: 'cut',
    endless: 'stalled',
    dripping: 'stalled',
    locked: 'refused',
    missing: 'not_found',
    small: 'too_large',
    outside: 'not_found',
    closed: 'unreachable',
  }
  for (const [name, reason] of Object.entries(expected)) {
    const { lastFailure } = await untilFailed(`m/${name}`)
    assert.equal(lastFailure?.reason, reason, `${name}: ${lastFailure?.said}`)
    assert.ok(!existsSync(join(stack.root, `m/${name}.git`)), name)
  }
  const { code, stderr } = await tryGit(stack.folder, [
    'clone',
    `${stack.url}/m/failing.git`,
    join(stack.folder, 'none'),
  ])
  assert.notEqual(code, 0)
  assert.match(stderr, /first copy is not complete/)
  for (const name of Object.keys(expected)) entries.delete(`m/${name}`)
  await write()
  await until('they are gone', async () => !(await mirror('m/hang')))
  await checkNothingIsLeft()
})

test('credentials come from files and commands, and are in no argument, no environment, no log, and no address', async () => {
  await source('up/four')
  const password = join(folder, 'password')
  await writeFile(password, `${secret}\n`)
  const helper = join(folder, 'helper')
  // It looks while git waits for it.
  const scan = `cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ > ${folder}/seen-by-helper 2>/dev/null`
  const answer = `printf 'username=me\\npassword=%s\\n' '${secret}'`
  await writeFile(helper, `#!/bin/sh\n[ "$1" = get ] || exit 0\n${scan}\n${answer}\n`, { mode: 0o755 })
  // Another waits for the answer while it looks.
  whileLocked = () => void seenInProcesses.push(readProcesses())
  await add(
    `{repository: m/four, upstream: ${upstream}/locked/up/four.git, credentials: {user: me, password_file: ${password}}}`,
    `{repository: m/five, upstream: ${upstream}/locked/up/four.git, credentials: {command: ${helper}}}`,
  )
  const four = await untilCopied('m/four')
  const five = await untilCopied('m/five')
  whileLocked = () => {}
  const seen = [...seenInProcesses, await readFile(join(folder, 'seen-by-helper'), 'latin1')]
  assert.ok(seen.some((all) => /remote-http/.test(all)))
  const forms = [secret, encodeURIComponent(secret), Buffer.from(`me:${secret}`).toString('base64'), 'p&ss', 'p%26ss']
  const logs = JSON.stringify([stack.supervisor.lines, stack.gateway.lines, await stack.status()])
  const configs = await Promise.all([four, five].map((gitDir) => readFile(join(gitDir, 'config'), 'utf8')))
  for (const form of forms) {
    for (const text of [...seen, logs, ...configs]) assert.ok(!text.includes(form), form)
  }
})

/** The arguments and the environment of all processes of the machine. */
function readProcesses(): string {
  const files = globSync('/proc/[0-9]*/{cmdline,environ}')
  return files.map((path) => readOrNothing(path)).join('\n')
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return '' // It has ended.
  }
}

test('a mirror of an empty upstream is empty, until something comes', async () => {
  const up = join(stack.root, 'up/empty.git')
  await mkdir(up, { recursive: true })
  await git(up, ['init', '--quiet', '--bare', '.'])
  await source('up/other')
  await add(
    `{repository: m/empty, upstream: ${upstream}/good/up/empty.git, interval: 1s}`,
    `{repository: m/none-of-these, upstream: ${upstream}/good/up/other.git, refs: refs/heads/no-such}`,
  )
  const here = await untilCopied('m/empty')
  assert.equal((await untilFailed('m/none-of-these')).lastFailure?.reason, 'empty')
  await git(stack.folder, ['clone', '--quiet', `${stack.url}/m/empty.git`, 'work-empty'])
  await importHistory(up, 2)
  await until('it is as its upstream', async () => (await refsOf(here)) === (await refsOf(up)))
  // Emptied by mistake: what is here is kept.
  const kept = await refsOf(here)
  await git(up, ['update-ref', '-d', 'refs/heads/main'])
  assert.equal((await untilFailed('m/empty')).lastFailure?.reason, 'empty')
  assert.equal(await refsOf(here), kept)
  entries.delete('m/none-of-these')
  entries.delete('m/empty')
  await write()
})

test('with on-fetch, a fetch gets what the upstream has now, or what is here if that does not answer', async () => {
  const up = await source('up/five')
  await add(
    `{repository: m/fresh, upstream: ${upstream}/vanishing/up/five.git, interval: 1h, refresh: on-fetch, max_age: 0s, wait: 60s}`,
  )
  const here = await untilCopied('m/fresh')
  const remote = () => git(stack.folder, ['ls-remote', `${stack.url}/m/fresh.git`, 'refs/heads/main'])
  await git(up, [
    'update-ref',
    'refs/heads/main',
    await git(up, ['commit-tree', '-p', 'main', '-m', 'New', 'main^{tree}']),
  ])
  const now = await git(up, ['rev-parse', 'main'])
  const seen = await Promise.all(Array.from({ length: 4 }, remote))
  for (const one of seen) assert.ok(one.startsWith(now), one)
  isVanished = true
  await git(up, ['update-ref', '-d', 'refs/heads/main'])
  assert.ok((await remote()).startsWith(now))
  assert.equal(await git(here, ['rev-parse', 'main']), now)
  assert.equal((await untilFailed('m/fresh')).lastFailure?.reason, 'upstream_failed')
})

test('a mirror of an upstream with SHA-256 is one, and one below the folder for files is copied', async () => {
  await source('up/six', '--object-format=sha256')
  const local = join(folder, 'local/seven.git')
  await mkdir(local, { recursive: true })
  await git(local, ['init', '--quiet', '--bare', '.'])
  await importHistory(local, 2)
  await add(
    `{repository: m/six, upstream: ${upstream}/good/up/six.git}`,
    `{repository: m/seven, upstream: "file://${local}"}`,
  )
  assert.equal(await git(await untilCopied('m/six'), ['rev-parse', '--show-object-format']), 'sha256')
  assert.equal(await refsOf(await untilCopied('m/seven')), await refsOf(local))
})

test('sluice mirror lists the mirrors, and runs one', async () => {
  const up = await source('up/nine')
  await add(`{repository: m/nine, upstream: ${upstream}/good/up/nine.git, interval: 1h}`)
  const here = await untilCopied('m/nine')
  await git(up, ['branch', 'new', 'main'])
  const call = async (...args: string[]) => {
    const env = {
      PATH: process.env['PATH'] ?? '',
      SLUICE_ROOT: stack.root,
      SLUICE_RUN_FOLDER: join(stack.folder, 'run'),
    }
    return await promisify(execFile)(process.execPath, [command, 'mirror', ...args], { env })
  }
  assert.match((await call('run', 'm/nine')).stdout, /m\/nine is as its upstream/)
  assert.equal(await refsOf(here), await refsOf(up))
  assert.match((await call('list')).stdout, /m\/nine .*resting/)
  await assert.rejects(call('run', 'm/none'), /There is no mirror/)
})

test('a file that breaks leaves in force what was read before', async () => {
  const count = async () => ((await stack.status()) as unknown as { mirrors: { inAll: number } }).mirrors.inAll
  const before_ = await count()
  await writeFile(file, 'mirrors: [{repository: x, upstream: "ext::sh"}]\n')
  await stack.supervisor.line(({ msg }) =>
    /an upstream is an address such as .*what was read before stays/.test(String(msg)),
  )
  assert.equal(await count(), before_)
  await write()
})

test('a supervisor that is killed in the middle of a fetch leaves nothing to the next one', async () => {
  const up = await source('up/eight')
  const here = await (async () => {
    await add(`{repository: m/eight, upstream: ${upstream}/good/up/eight.git, interval: 1s}`)
    return await untilCopied('m/eight')
  })()
  const main = await git(up, ['rev-parse', 'main'])
  // Somebody holds the lock of the last branch, and git waits for it with all others in its hands.
  await git(here, ['config', 'core.filesRefLockTimeout', '-1'])
  await mkdir(join(here, 'refs/heads/many'), { recursive: true })
  const last = join(here, 'refs/heads/many/999.lock')
  await writeFile(last, '')
  await git(up, ['update-ref', '--stdin'], {
    input: Array.from({ length: 1500 }, (_, index) => `create refs/heads/many/${index} ${main}\n`).join(''),
  })
  await until('locks are taken', () => globSync('refs/heads/many/*.lock', { cwd: here }).length === 1500)
  stack.supervisor.signal('SIGKILL')
  await stack.supervisor.exited
  await until('its git to end', async () => (await stack.gitProcesses()).length === 0)
  await rm(last)
  await git(here, ['config', '--unset', 'core.filesRefLockTimeout'])
  await stack.restartSupervisor()
  await until('it is as its upstream', async () => (await refsOf(here)) === (await refsOf(up)))
  await checkNothingIsLeft()
  await git(here, ['fsck', '--full', '--strict'])
  // A thousand of each run are told, whoever has seen its end, and none twice.
  const told = await until('a thousand to be told', async () => {
    const refs = (await toldOf('m/eight')).flatMap(({ ref }) => ref ?? [])
    return refs.length > 1000 && refs
  })
  assert.equal(new Set(told).size, told.length)
})
