import assert from 'node:assert/strict'
import { readFile, rename, rm, truncate, mkdir, copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, packOf, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { ask } from '@sluice/shared/testing/http'
import { SeededRandom, testSeed } from '@sluice/shared/testing/seeded-random'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** The audit log: what it says of pushes is what git did, and it is there before the client hears of it. */

type Change = {
  readonly ref: string
  readonly old: string
  readonly new: string
  readonly result: string
  readonly why?: string
  readonly now?: string
  readonly asked?: string
  readonly target?: string
  readonly said?: string
}
type Entry = {
  readonly event: string
  readonly requestId: string
  readonly user: string | null
  readonly client: string
  readonly repository: string
  readonly refs: readonly Change[]
  readonly more: number
  readonly reason?: string
  readonly leftOutBefore?: number
  readonly notRecorded?: number
}

const zeros = '0'.repeat(40)
const made = new AsyncDisposableStack()
let stack: Stack
let log: string

before(async () => {
  const logs = made.use(await temporaryFolder()).path
  log = join(logs, 'audit.log')
  stack = made.use(
    await startStack({ SLUICE_AUDIT_LOG: log, SLUICE_PROTECTED_REFS: 'guarded/**:refs/heads/frozen=nobody' }),
  )
})
after(() => made.disposeAsync())

async function entries(file = log): Promise<Entry[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line) as Entry)
}

let count = 0

async function repository(place = 'team'): Promise<{ name: string; gitDir: string; work: string }> {
  const name = `${place}/audited-${++count}`
  const gitDir = join(stack.root, `${name}.git`)
  await mkdir(gitDir, { recursive: true })
  await git(gitDir, ['init', '--quiet', '--bare', '.'])
  await importHistory(gitDir, 4)
  const work = join(stack.folder, `work-${count}`)
  await git(stack.folder, ['clone', '--quiet', `${stack.url}/${name}.git`, work])
  return { name, gitDir, work }
}

async function recordsOf(name: string): Promise<Entry[]> {
  return (await entries()).filter(({ repository: one }) => one === name)
}

/** Sends a push as a gateway does. */
async function pushRaw(name: string, body: Buffer | string, headers: Record<string, string> = {}) {
  return await ask(stack.supervisor.address, `/${name}.git/git-receive-pack`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-git-receive-pack-request', ...headers },
    body,
  })
}

test('a push is on record, reference by reference, when its client hears of it', async () => {
  const { name, gitDir, work } = await repository()
  const ids = (await git(work, ['rev-list', 'main'])).split('\n')
  await git(gitDir, ['branch', 'gone', ids[2]!])
  await git(work, ['push', '--quiet', 'origin', `+${ids[1]!}:main`, `${ids[3]!}:refs/tags/v1`, ':gone'])
  const [record] = await recordsOf(name)
  assert.deepEqual(record?.refs, [
    { ref: 'refs/heads/gone', old: ids[2], new: zeros, result: 'ok' },
    { ref: 'refs/heads/main', old: ids[0], new: ids[1], result: 'ok' },
    { ref: 'refs/tags/v1', old: zeros, new: ids[3], result: 'ok' },
  ])
  assert.equal(record.event, 'push')
  assert.equal(record.user, null)
  assert.equal(record.client, '127.0.0.1')
  assert.equal(record.more, 0)
  const line = await stack.supervisor.line(({ requestId }) => requestId === record.requestId)
  assert.deepEqual(line['refs'], record.refs)
})

test('a push that the rules refuse, or git or a hook, is on record with the reason', async () => {
  const { name, gitDir, work } = await repository('guarded')
  await tryGit(work, ['push', 'origin', 'main:frozen'])
  const [refused] = await until('a record', async () => {
    const found = await recordsOf(name)
    return found.length > 0 && found
  })
  assert.equal(refused?.event, 'refused')
  assert.equal(refused.reason, 'protected_ref')
  assert.deepEqual(refused.refs, [{ ref: 'refs/heads/frozen', result: 'refused' }])
  await writeHook(gitDir, 'update', 'case $1 in *bad*) exit 1;; esac')
  const id = await git(work, ['rev-parse', 'main'])
  await tryGit(work, ['push', 'origin', 'main:bad', 'main:good'])
  const change = (ref: string) => ({ ref: `refs/heads/${ref}`, old: zeros, new: id })
  assert.deepEqual((await recordsOf(name))[1]?.refs, [
    { ...change('bad'), result: 'rejected', why: 'hook declined' },
    { ...change('good'), result: 'ok' },
  ])
  await tryGit(work, ['push', '--atomic', 'origin', 'main:bad', 'main:better'])
  assert.deepEqual((await recordsOf(name))[2]?.refs, [
    { ...change('bad'), result: 'rejected', why: 'hook declined' },
    { ...change('better'), result: 'rejected', why: 'atomic push failure' },
  ])
})

const seed = testSeed(3)

test(`records of random pushes, one after the other, lead to what the repository has (seed ${seed})`, async () => {
  const { name, gitDir, work } = await repository()
  await writeHook(gitDir, 'update', 'case $1 in *2) exit 1;; esac')
  await git(gitDir, ['config', 'receive.denyNonFastForwards', 'false'])
  const ids = (await git(work, ['rev-list', 'main'])).split('\n')
  const random = new SeededRandom(seed)
  for (let round = 0; round < 12; round++) {
    const branches = [0, 1, 2, 3, 4].filter(() => random.chance(0.5))
    const specs = branches.map((branch) =>
      random.chance(0.3) ? `:refs/heads/b${branch}` : `+${random.pick(ids)}:refs/heads/b${branch}`,
    )
    if (specs.length === 0) continue
    await tryGit(work, ['push', ...(random.chance(0.4) ? ['--atomic'] : []), 'origin', ...specs])
  }
  const state = new Map([['refs/heads/main', ids[0]!]])
  for (const { refs } of await recordsOf(name)) {
    for (const change of refs) {
      assert.ok(['ok', 'rejected'].includes(change.result), JSON.stringify(change))
      if (change.result !== 'ok') continue
      assert.equal(change.old, state.get(change.ref) ?? zeros)
      if (change.new === zeros) state.delete(change.ref)
      else state.set(change.ref, change.new)
    }
  }
  const now = await git(gitDir, ['for-each-ref', '--format=%(refname) %(objectname)'])
  assert.equal(
    now,
    [...state]
      .map((pair) => pair.join(' '))
      .toSorted()
      .join('\n'),
  )
})

test('the old id of a deletion is what git deleted, whatever the client said', async () => {
  const { name, gitDir } = await repository()
  const id = await git(gitDir, ['rev-parse', 'main'])
  for (const ref of [Buffer.from('refs/heads/other'), Buffer.from('refs/heads/caf\xe9', 'latin1')]) {
    for (const said of ['deadbeef'.repeat(5), zeros]) {
      await git(gitDir, ['update-ref', '--stdin'], {
        input: Buffer.concat([Buffer.from('create '), ref, Buffer.from(` ${id}\n`)]),
      })
      const { body } = await pushRaw(
        name,
        commandsOf(`${said} ${zeros} ${ref.toString('latin1')}\0 report-status delete-refs`),
      )
      assert.match(body, /ok refs\/heads\//)
      const named = said === zeros ? {} : { said }
      const change = {
        ref: ref.toString('latin1').replace('\xe9', '\\xe9'),
        old: id,
        new: zeros,
        ...named,
        result: 'ok',
      }
      assert.deepEqual((await recordsOf(name)).at(-1)?.refs, [change])
    }
  }
})

/** @param line one character for each byte */
function commandsOf(line: string): Buffer {
  const head = (line.length + 4).toString(16).padStart(4, '0')
  return Buffer.from(`${head}${line}${flushPacket}`, 'latin1')
}

test('a reference that is changed while a push deletes it is on record with both ids', async () => {
  const { name, gitDir } = await repository()
  const [now, before_] = (await git(gitDir, ['rev-list', 'main'])).split('\n') as [string, string]
  await git(gitDir, ['branch', 'raced', before_])
  await writeHook(gitDir, 'pre-receive', `env -u GIT_QUARANTINE_PATH git update-ref refs/heads/raced ${now}`)
  await pushRaw(name, commandsOf(`${now} ${zeros} refs/heads/raced\0 report-status delete-refs`))
  const change = { ref: 'refs/heads/raced', old: before_, new: zeros, said: now, result: 'ok' }
  assert.deepEqual((await recordsOf(name)).at(-1)?.refs, [change])
})

test('a deletion looks up no other references', async () => {
  const { name, gitDir } = await repository()
  const id = await git(gitDir, ['rev-parse', 'main'])
  const ids = Array.from({ length: 12_000 }, (_, index) => `${id} refs/heads/many/${'x'.repeat(60)}${index}\n`)
  await writeFile(
    join(gitDir, 'packed-refs'),
    `# pack-refs with: peeled fully-peeled sorted\n${ids.toSorted().join('')}`,
  )
  await pushRaw(name, commandsOf(`${id} ${zeros} refs/heads/many\0 report-status delete-refs`))
  assert.deepEqual((await recordsOf(name)).at(-1)?.refs[0]?.old, zeros)
})

test('a name that git refuses is on record as it was', async () => {
  const { name, work } = await repository()
  const id = await git(work, ['rev-parse', 'main'])
  const body = commandsOf(`${zeros} ${id} refs/heads/x y\0 report-status`)
  await pushRaw(name, Buffer.concat([body, await packOf(work, '')]))
  const change = { ref: 'refs/heads/x y', old: zeros, new: id, result: 'rejected', why: 'funny refname' }
  assert.deepEqual((await recordsOf(name))[0]?.refs, [change])
})

test('who pushed, and from where, is as the gateway says; names of bytes are shown as such', async () => {
  const { name, gitDir, work } = await repository()
  const id = await git(work, ['rev-parse', 'main'])
  const command = Buffer.from(`${zeros} ${id} refs/heads/caf\xe9\0 report-status`, 'latin1')
  const head = Buffer.from((command.length + 4).toString(16).padStart(4, '0'))
  const body = Buffer.concat([head, command, Buffer.from(flushPacket), await packOf(work, '')])
  await pushRaw(name, body, { 'Sluice-User': 'J%C3%B6rg%20%3C%3E', 'Sluice-Client': '2001:db8::7' })
  const [record] = await recordsOf(name)
  assert.equal(record?.user, 'Jörg <>')
  assert.equal(record.client, '2001:db8::7')
  assert.deepEqual(record.refs, [{ ref: 'refs/heads/caf\\xe9', old: zeros, new: id, result: 'ok' }])
  const log_ = await git(gitDir, ['for-each-ref', '--format=%(objectname)', 'refs/heads'])
  assert.equal(log_.split('\n').length, 2)
})

test('a push to a symbolic reference names the one that it leads to', async () => {
  const { name, gitDir, work } = await repository()
  await git(gitDir, ['symbolic-ref', 'refs/heads/alias', 'refs/heads/main'])
  const [now, before_] = (await git(work, ['rev-list', 'main'])).split('\n')
  await git(work, ['push', '--quiet', 'origin', `+${before_!}:alias`])
  const change = { ref: 'refs/heads/alias', target: 'refs/heads/main', old: now, new: before_, result: 'ok' }
  assert.deepEqual((await recordsOf(name))[0]?.refs, [change])
})

test('where git says nothing, the record says what there is', async () => {
  const { name, gitDir, work } = await repository()
  const ids = (await git(work, ['rev-list', 'main'])).split('\n')
  const line = `${ids[0]!} ${ids[1]!} refs/heads/main\0 delete-refs`
  const pack = await packOf(work, '')
  const reply = await pushRaw(name, Buffer.concat([Buffer.from(pktLine(line) + flushPacket), pack]))
  assert.equal(reply.status, 200)
  const [silent] = await recordsOf(name)
  const change = { ref: 'refs/heads/main', old: ids[0], new: ids[1], result: 'unknown', now: ids[1] }
  assert.deepEqual(silent?.refs, [change])
  // A push whose git is killed in a hook, before it has moved anything.
  await writeHook(gitDir, 'pre-receive', 'kill -9 $PPID')
  await tryGit(work, ['push', 'origin', `+${ids[2]!}:main`])
  const [, killed] = await until('a record', async () => {
    const found = await recordsOf(name)
    return found.length > 1 && found
  })
  assert.deepEqual(killed?.refs, [{ ...change, old: ids[1], new: ids[2], now: ids[1] }])
})

test('what a proc-receive hook says is believed where git proves it', async () => {
  const { name, gitDir, work } = await repository()
  await git(gitDir, ['config', 'receive.procReceiveRefs', 'refs/for'])
  const id = await git(work, ['rev-parse', 'main'])
  await writeHook(gitDir, 'proc-receive', procReceive)
  const { stderr } = await tryGit(work, ['push', 'origin', `${id}:refs/for/main`, `${id}:refs/for/lie`])
  const [record] = await recordsOf(name)
  const both = { old: zeros, new: id }
  const changes = [
    { ref: 'refs/for/lie', ...both, result: 'unknown', now: zeros },
    { ref: 'refs/heads/review', asked: 'refs/for/main', new: id, result: 'ok' },
  ]
  assert.deepEqual(
    record?.refs.toSorted((a, b) => (a.ref < b.ref ? -1 : 1)),
    changes,
    stderr,
  )
})

/** githooks(5), "proc-receive". Makes one branch, and says of everything else that it did it. */
const procReceive = `#!/usr/bin/env python3
import os, subprocess, sys
def read():
    size = int(sys.stdin.buffer.read(4), 16)
    return sys.stdin.buffer.read(size - 4).decode() if size else None
def write(line):
    sys.stdout.buffer.write(b'%04x' % (len(line) + 4) + line.encode()); sys.stdout.buffer.flush()
def flush():
    sys.stdout.buffer.write(b'0000'); sys.stdout.buffer.flush()
read(); read()
write('version=1\\0\\n'); flush()
commands = []
while True:
    line = read()
    if line is None: break
    commands.append(line.strip().split(' ', 2))
for old, new, ref in commands:
    write('ok %s\\n' % ref)
    if ref == 'refs/for/main':
        env = {k: v for k, v in os.environ.items() if k != 'GIT_QUARANTINE_PATH'}
        subprocess.run(['git', 'update-ref', 'refs/heads/review', new], check=True, env=env)
        write('option refname refs/heads/review\\n')
flush()
`

test('a push of many references is recorded with a hundred of them, and a count of the others', async () => {
  const { name, work } = await repository()
  const specs = Array.from({ length: 130 }, (_, index) => `main:refs/heads/many/${String(index).padStart(3, '0')}`)
  await git(work, ['push', '--quiet', 'origin', ...specs])
  const [record] = await recordsOf(name)
  assert.equal(record?.refs.length, 100)
  assert.equal(record.more, 30)
  assert.ok(record.refs.every(({ result }) => result === 'ok'))
})

test('an operator may rename the log, or copy and truncate it', async () => {
  const { name, work } = await repository()
  await git(work, ['push', '--quiet', 'origin', 'main:before'])
  await rename(log, `${log}.1`)
  await git(work, ['push', '--quiet', 'origin', 'main:renamed'])
  const refsIn = (list: readonly Entry[]) => list.flatMap(({ refs }) => refs.map(({ ref }) => ref))
  assert.ok(refsIn(await entries(`${log}.1`)).includes('refs/heads/before'))
  assert.deepEqual(refsIn(await entries()), ['refs/heads/renamed'])
  await copyFile(log, `${log}.2`)
  await truncate(log)
  await git(work, ['push', '--quiet', 'origin', 'main:truncated'])
  assert.deepEqual(refsIn(await recordsOf(name)), ['refs/heads/truncated'])
})

test('a push that was acknowledged is on record though the supervisor is killed at once', async () => {
  const { name, work } = await repository()
  await git(work, ['push', '--quiet', 'origin', 'main:kept'])
  stack.supervisor.signal('SIGKILL')
  await stack.supervisor.exited
  assert.deepEqual((await recordsOf(name))[0]?.refs[0]?.ref, 'refs/heads/kept')
  await stack.restartSupervisor()
})

test('while the log cannot be written, pushes are refused before anything runs, and reads go on', async () => {
  const { name, work } = await repository()
  const folder = join(log, '..')
  await rename(folder, `${folder}.away`)
  const { code, stderr } = await tryGit(work, ['push', 'origin', 'main:lost'])
  assert.notEqual(code, 0)
  assert.match(stderr, /cannot record pushes at the moment/)
  const line = await stack.supervisor.line(({ reason }) => reason === 'audit_unavailable')
  assert.equal(line['status'], 503)
  assert.equal(line['worker'], undefined)
  await git(work, ['fetch', '--quiet', 'origin'])
  await rename(`${folder}.away`, folder)
  await until('pushes to be taken again', async () => (await tryGit(work, ['push', 'origin', 'main:found'])).code === 0)
  const events = (await entries()).map(({ event, refs }) => refs?.[0]?.ref ?? event)
  assert.deepEqual(events.slice(-2), ['gap', 'refs/heads/found'])
  assert.deepEqual((await recordsOf(name)).length, 1)
})

test('a record that could not be written after git took the push is in the host’s log, and is counted', async () => {
  const { gitDir, name, work } = await repository()
  const folder = join(log, '..')
  await writeHook(gitDir, 'pre-receive', `mv ${folder} ${folder}.away`)
  const { code } = await tryGit(work, ['push', 'origin', 'main:taken'])
  assert.equal(code, 0)
  await rename(`${folder}.away`, folder)
  const line = await stack.supervisor.line(({ audit }) => (audit as Entry | undefined)?.repository === name)
  assert.equal(line['level'], 'error')
  assert.equal((line['audit'] as Entry).refs[0]?.ref, 'refs/heads/taken')
  const { body } = await ask(stack.supervisor.operations, '/metrics')
  assert.match(body, /^sluice_audit_records_total\{result="failed",app="supervisor"\} 1$/m)
  await rm(join(gitDir, 'hooks'), { recursive: true })
  await until('pushes to be taken again', async () => (await tryGit(work, ['push', 'origin', 'main:more'])).code === 0)
  assert.equal((await entries()).find(({ event, notRecorded }) => event === 'gap' && notRecorded === 1)?.event, 'gap')
})
