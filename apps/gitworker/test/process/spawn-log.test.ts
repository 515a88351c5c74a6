import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { describe, test } from 'node:test'
import { pino } from 'pino'
import type { TraceSwitch } from '@sluice/shared/git/trace-switches'
import { traceVariables } from '@sluice/shared/git/trace-switches'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import type { GitCommand } from '../../src/git/command.ts'
import { SpawnLog } from '../../src/process/spawn-log.ts'
import { openTestWorkers } from '../support/workers.ts'

const graces = { term: 0, kill: 500, drain: false }
const path = process.env['PATH'] ?? ''

type Line = Record<string, unknown>

async function open(level: string, switches: readonly TraceSwitch[] = []) {
  const folder = await temporaryFolder()
  const lines: Line[] = []
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().trim().split('\n')) lines.push(JSON.parse(line) as Line)
      done()
    },
  })
  const traces = join(folder.path, 'traces')
  const spawnLog = SpawnLog.open(pino({ level, base: null }, sink), switches, traces)
  const workers = await openTestWorkers()

  /** Runs a command, and returns what it said to whoever reads it. */
  async function run({ argv, env = {} }: Partial<GitCommand>, requestId?: string) {
    await using worker = workers.start()
    await worker.ready
    const command = { argv: argv ?? ['git', 'version'], env: { PATH: path, ...env }, cwd: folder.path }
    const served = spawnLog.begin(worker, command, requestId)
    worker.serve(served, graces)
    worker.stdin.end()
    let output = ''
    worker.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    await Promise.all([worker.gone, once(worker.stdout, 'close')])
    return { served, worker, output, words: await worker.lastWords() }
  }

  const said = (msg: string) => lines.filter((line) => line['msg'] === msg)
  return {
    folder: folder.path,
    traces,
    lines,
    said,
    run,
    async [Symbol.asyncDispose]() {
      await workers[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

describe('the log of git commands', () => {
  test('says what was started and how it ended', async () => {
    await using opened = await open('debug')
    const { worker } = await opened.run({ argv: ['git', 'version', '--no-such-option'] }, 'request-1')
    const about = { requestId: 'request-1', worker: worker.pid, args: ['git', 'version', '--no-such-option'] }
    const [end] = await until(
      'the end',
      () => opened.said('spawn complete').length === 1 && opened.said('spawn complete'),
    )
    const [start] = opened.said('spawn')
    const { level: _level, time: _time, ...started } = start!
    assert.deepEqual(started, { ...about, cwd: opened.folder, msg: 'spawn' })
    const { code, signal, cpuMs, maxRssBytes, ms } = end!
    assert.deepEqual([end!['requestId'], end!['worker'], end!['args']], [about.requestId, about.worker, about.args])
    assert.deepEqual([code, signal], [129, null])
    for (const figure of [cpuMs, maxRssBytes, ms]) assert.equal(typeof figure, 'number')
  })

  test('says why a command could not be started', async () => {
    await using opened = await open('debug')
    await opened.run({ argv: ['/nonexistent/git'] })
    const [end] = await until(
      'the end',
      () => opened.said('spawn complete').length === 1 && opened.said('spawn complete'),
    )
    assert.match(String(end!['error']), /git could not be started: .*ENOENT/)
  })

  test('says nothing of the environment, where a client’s name is', async () => {
    await using opened = await open('debug', ['trace', 'setup', 'performance', 'trace2', 'trace2-event', 'trace2-perf'])
    await opened.run({ env: { REMOTE_USER: 'somebody-secret' } })
    await until('the end', () => opened.said('spawn complete').length === 1)
    await until('the trace', async () => (await readdir(opened.traces)).length === 0)
    assert.ok(opened.said('git trace').length > 0)
    assert.ok(!JSON.stringify(opened.lines).includes('somebody-secret'))
  })

  test('cuts what is long', async () => {
    await using opened = await open('debug')
    await opened.run({ argv: ['/bin/true', ...Array.from({ length: 100 }, () => 'x'.repeat(1000))] })
    const [start] = opened.said('spawn')
    const args = start!['args'] as string[]
    assert.deepEqual([args.length, args[1]!.length], [40, 256])
  })

  test('costs nothing at another level, and says that a trace needs this one', async () => {
    await using opened = await open('info', ['trace'])
    const { served } = await opened.run({})
    assert.deepEqual(served.env, { PATH: path })
    assert.deepEqual(
      opened.lines.map(({ msg }) => msg),
      ['SLUICE_GIT_TRACE has no effect unless SLUICE_LOG_LEVEL is debug or trace'],
    )
  })
})

describe('a trace', () => {
  test('goes to the log, and nowhere else', async () => {
    await using opened = await open('debug', ['trace', 'setup'])
    const { output, words } = await opened.run({}, 'request-1')
    assert.match(output, /^git version \S+\n$/)
    assert.equal(words, '')
    await until('its file to be removed', async () => (await readdir(opened.traces)).length === 0)
    const lines = opened.said('git trace')
    assert.ok(lines.some(({ trace }) => /trace: built-in: git version/.test(String(trace))))
    assert.ok(lines.every(({ requestId }) => requestId === 'request-1'))
  })

  test('of a push stays where it is, and is logged besides', async () => {
    await using opened = await open('debug', ['trace', 'performance'])
    const note = join(opened.folder, 'note')
    await writeFile(note, '{"worker":"1"}\n')
    const { served } = await opened.run({ env: { GIT_TRACE: note } })
    assert.equal(served.env['GIT_TRACE'], note)
    assert.match(await readFile(note, 'utf8'), /^\{"worker":"1"\}\n.* trace: built-in: git version\n/)
    await until('the trace', async () => (await readdir(opened.traces)).length === 0)
    const lines = opened.said('git trace').map(({ trace }) => String(trace))
    assert.ok(lines.some((line) => /trace: built-in: git version/.test(line)))
    assert.ok(lines.some((line) => /performance: /.test(line)))
    assert.ok(!lines.some((line) => line.startsWith('{')))
  })

  test('is bounded, and says where it was cut', async () => {
    await using opened = await open('debug', ['trace'])
    const script = 'i=0; while [ $i -lt 3000 ]; do echo "line $i" >>"$GIT_TRACE"; i=$((i + 1)); done'
    await opened.run({ argv: ['/bin/sh', '-c', script] })
    await until('the trace', async () => (await readdir(opened.traces)).length === 0)
    const lines = opened.said('git trace').map(({ trace }) => String(trace))
    assert.equal(lines.length, 1001)
    assert.deepEqual([lines[0], lines[999]], ['line 0', 'line 999'])
    assert.match(lines[1000]!, /left out after 1000 lines/)
  })

  test('shows no password that stands in an address', async () => {
    await using opened = await open('debug', ['trace'])
    await git(opened.folder, ['init', '--quiet', '--bare', 'some.git'])
    const address = 'https://somebody:secret-word@127.0.0.1:1/'
    await opened.run({ argv: ['git', '--git-dir=some.git', 'fetch', address] })
    await until('the trace', async () => (await readdir(opened.traces)).length === 0)
    const trace = opened.said('git trace').map((line) => String(line['trace']))
    assert.ok(trace.some((line) => line.includes('https://somebody:…@127.0.0.1')))
    assert.ok(!trace.some((line) => line.includes('secret-word')))
  })

  test('shows no push options', async () => {
    await using opened = await open('debug', ['trace'])
    const variables =
      "GIT_PUSH_OPTION_0=a=secret-word GIT_PUSH_OPTION_1='it'\\''s a secret-word' GIT_PUSH_OPTION_COUNT=2"
    const script = `cat >>"$GIT_TRACE" <<'END'\ntrace: run_command: ${variables} hooks/post-receive\nEND`
    await opened.run({ argv: ['/bin/sh', '-c', script] })
    await until('the trace', async () => (await readdir(opened.traces)).length === 0)
    const trace = opened.said('git trace').map((line) => String(line['trace']))
    const shown = 'GIT_PUSH_OPTION_0=… GIT_PUSH_OPTION_1=… GIT_PUSH_OPTION_COUNT=2'
    assert.deepEqual(trace, [`trace: run_command: ${shown} hooks/post-receive`])
  })

  test('is removed by the next supervisor where the last one was killed', async () => {
    await using opened = await open('debug', ['trace'])
    await writeFile(join(opened.traces, '1.word'), 'left')
    SpawnLog.open(pino({ level: 'silent' }), [], opened.traces)
    await assert.rejects(readdir(opened.traces), /ENOENT/)
  })
})

test('hooks are not given the variables of any trace', async () => {
  const script = await readFile(new URL('../../src/hooks/hook.sh', import.meta.url), 'utf8')
  const unset = [...script.matchAll(/^unset (.*)$/gm)].flatMap(([, names]) => names!.split(' '))
  for (const variable of Object.values(traceVariables)) assert.ok(unset.includes(variable), variable)
})
