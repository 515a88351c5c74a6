import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { compileCache } from '@sluice/shared/testing/compile-cache'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'

/** Runs what `npm start` runs, in another folder and on another port. */

const main = fileURLToPath(new URL('../../apps/command/src/main.ts', import.meta.url))

async function quickStart(folder: string, env: Record<string, string> = {}, options: readonly string[] = []) {
  const child = spawn(process.execPath, [main, 'start', folder, ...options], {
    env: {
      PATH: process.env['PATH'] ?? '',
      ...compileCache,
      SLUICE_LISTEN: '127.0.0.1:0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>
  // All that it has said has come by then.
  const closed = once(child, 'close') as Promise<[number | null, string | null]>
  const pids = () => [...output.matchAll(/"pid":(\d+)/g)].map(([, pid]) => Number(pid))
  return {
    child,
    exited,
    closed,
    output: () => output,
    pids,
    url: () => /Sluice serves \S+ on (http:\S+)/.exec(output)?.[1],
  }
}

async function hasEnded(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined)
  return stat === undefined || stat.slice(stat.lastIndexOf(')')).startsWith(') Z')
}

async function allEnded(pids: number[]): Promise<void> {
  assert.ok(new Set(pids).size >= 2, 'supervisor and gateway have logged')
  await until('both applications to end', async () => (await Promise.all(pids.map(hasEnded))).every(Boolean))
}

test('the first start creates a demo and says what to try, which works; Ctrl-C ends everything', async () => {
  await using folder = await temporaryFolder()
  const started = await quickStart(folder.path)
  await until('the announcement', () => /Ctrl-C stops everything/.test(started.output()))
  const url = started.url()!
  assert.match(started.output(), new RegExp(`git clone ${url}/demo.git`))

  await git(folder.path, ['clone', '--quiet', `${url}/demo.git`])
  const demo = join(folder.path, 'demo')
  assert.equal(await git(demo, ['rev-list', '--count', 'HEAD']), '3')
  await git(demo, ['commit', '--quiet', '--allow-empty', '-m', 'Say hello'])
  await git(demo, ['push', '--quiet'])
  await git(demo, ['push', '--quiet', `${url}/team/project.git`, 'HEAD'])
  assert.equal(
    await git(join(folder.path, 'repos/team/project.git'), ['rev-parse', 'main']),
    await git(demo, ['rev-parse', 'HEAD']),
  )

  // npm does the same: it sends a copy of the terminal's signal right after it.
  started.child.kill('SIGINT')
  started.child.kill('SIGINT')
  assert.deepEqual(await started.exited, [0, null])
  await allEnded(started.pids())
})

test('a quick start that is killed takes both applications with it', async () => {
  await using folder = await temporaryFolder()
  const started = await quickStart(folder.path)
  await until('the announcement', () => /Ctrl-C stops everything/.test(started.output()))
  started.child.kill('SIGKILL')
  await started.exited
  await allEnded(started.pids())
})

test('a second start finds the repositories of the first', async () => {
  await using folder = await temporaryFolder()
  for (const time of ['first', 'second']) {
    const started = await quickStart(folder.path)
    await until('the announcement', () => /Ctrl-C stops everything/.test(started.output()))
    await git(folder.path, ['clone', '--quiet', `${started.url()}/demo.git`, time])
    started.child.kill('SIGTERM')
    assert.deepEqual(await started.exited, [0, null])
  }
  assert.equal(
    await git(join(folder.path, 'first'), ['rev-parse', 'HEAD']),
    await git(join(folder.path, 'second'), ['rev-parse', 'HEAD']),
  )
})

test('all faults of the configuration are said once, and nothing is started', async () => {
  await using folder = await temporaryFolder()
  const started = await quickStart(folder.path, { SLUICE_FETCH_SLOTS: 'many', SLUICE_COLOUR: 'blue' })
  assert.deepEqual(await started.closed, [78, null])
  assert.match(started.output(), /SLUICE_FETCH_SLOTS takes auto, or a whole number from 1 to 10000, not "many"/)
  assert.match(started.output(), /SLUICE_COLOUR is not a setting/)
  assert.equal(started.output().match(/SLUICE_FETCH_SLOTS/g)?.length, 1)
})

test('a root of the operator’s own is neither created nor filled', async () => {
  await using folder = await temporaryFolder()
  const root = join(folder.path, 'mine')
  const missing = await quickStart(folder.path, { SLUICE_ROOT: root })
  assert.deepEqual(await missing.closed, [1, null])
  assert.match(missing.output(), new RegExp(`SLUICE_ROOT names ${root}, which does not exist`))
  await mkdir(root)
  const started = await quickStart(folder.path, { SLUICE_ROOT: root })
  await until('the announcement', () => /Ctrl-C stops everything/.test(started.output()))
  assert.deepEqual(await readdir(root), [])
  assert.doesNotMatch(started.output(), /demo/)
  started.child.kill('SIGTERM')
  await started.exited
})

test('both applications read the settings file, which wins over the defaults of a quick start', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'sluice.yaml')
  await writeFile(file, 'addresses:\n  listen: 127.0.0.1:0\npushes:\n  create_on_push: off\n')
  const started = await quickStart(folder.path, { SLUICE_LISTEN: '' }, ['--config', file, '--json'])
  await until('the announcement', () => /"url": "http/.test(started.output()))
  const url = /"url": "(http:[^"]+)"/.exec(started.output())![1]!
  await git(folder.path, ['clone', '--quiet', `${url}/demo.git`])
  await assert.rejects(git(join(folder.path, 'demo'), ['push', '--quiet', `${url}/new.git`, 'HEAD']), /not found/i)
  started.child.kill('SIGTERM')
  assert.deepEqual(await started.exited, [0, null])
})

test('a port in use is named, and what had been started is ended', async () => {
  await using folder = await temporaryFolder()
  const first = await quickStart(folder.path)
  await until('the announcement', () => /Ctrl-C stops everything/.test(first.output()))
  await using other = await temporaryFolder()
  const taken = new URL(first.url()!).host
  const second = await quickStart(other.path, { SLUICE_LISTEN: taken })
  assert.deepEqual(await second.closed, [1, null])
  assert.match(
    second.output(),
    new RegExp(`SLUICE_LISTEN: cannot listen on ${taken}: another process listens there already`),
  )
  const [supervisor] = second.pids()
  await until('its supervisor to end', () => hasEnded(supervisor!))
  first.child.kill('SIGTERM')
  await first.exited
})
