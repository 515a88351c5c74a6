import assert from 'node:assert/strict'
import { readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { Lane } from '@sluice/shared/admission/lane'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { until } from '@sluice/shared/testing/until'
import { writeConfigFiles } from '../../src/git/config-file.ts'
import { jobRunner, JobError } from '../../src/process/job/job.ts'
import { sessionMembers } from '../../src/process/process-table.ts'
import { laneReasons } from '../../src/capacity/admission.ts'
import { Pool } from '../../src/process/pool.ts'
import { SpawnLog } from '../../src/process/spawn-log.ts'
import { SpawnedProcess } from '../../src/process/spawn/spawned-process.ts'
import { WorkerStartError } from '../../src/process/worker-handle.ts'
import type { WorkerHandle } from '../../src/process/worker-handle.ts'
import { Worker } from '../../src/process/worker/worker.ts'
import { openTestWorkers } from '../support/workers.ts'
import type { TestWorkers } from '../support/workers.ts'

const graces = { term: 0, kill: 500, drain: false }
const silent = pino({ level: 'silent' })
const nodeWorker = fileURLToPath(new URL('../../src/worker/main.node.ts', import.meta.url))
const path = process.env['PATH'] ?? ''

const shell = (script: string) => ({ argv: ['/bin/sh', '-c', script], env: { PATH: path }, cwd: '/' })

async function read(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

for (const name of ['launcher', 'node'] as const) {
  describe(`a worker on ${name}`, () => {
    let workers: TestWorkers
    before(async () => {
      workers = await openTestWorkers(name)
    })
    after(() => workers[Symbol.asyncDispose]())

    async function start() {
      const worker = workers.start()
      await worker.ready
      return worker
    }

    test('gives its command its own standard streams, and reports the exit', async () => {
      await using worker = await start()
      worker.serve(shell('cat; echo to stderr >&2; exit 3'), graces)
      worker.stdin.end('to stdout')
      assert.equal(await read(worker.stdout), 'to stdout')
      const report = await worker.report
      assert.equal(report.code, 3)
      assert.equal(report.signal, null)
      assert.equal(await worker.lastWords(), 'to stderr\n')
      if (name === 'launcher') {
        assert.ok(report.cpuMs !== null && report.cpuMs > 0)
        assert.ok(report.maxRssBytes !== null && report.maxRssBytes > 2 ** 20)
      }
      await worker.gone
      assert.equal(worker.state, 'gone')
    })

    test('that somebody stops goes on by itself: before it has its command, while that runs, or after its end', async () => {
      await using waits = await start()
      await using runs = await start()
      process.kill(waits.pid!, 'SIGSTOP')
      waits.serve(shell('echo one'), graces)
      waits.stdin.end()
      runs.serve(shell('echo two; read line; echo "$line"'), graces)
      const [one, both] = [read(waits.stdout), read(runs.stdout)]
      await until('it to run', () => runs.outputBytes > 0)
      process.kill(runs.pid!, 'SIGSTOP')
      runs.stdin.end('three\n')
      assert.equal(await one, 'one\n')
      assert.equal(await both, 'two\nthree\n')
      const reports = await Promise.all([waits.report, runs.report])
      assert.deepEqual(
        reports.map(({ code }) => code),
        [0, 0],
      )
      await Promise.all([waits.gone, runs.gone])
    })

    test('leads the session and the group of all that it runs', async () => {
      await using worker = await start()
      worker.serve(shell('sleep 1000 & sleep 1000'), graces)
      const members = await until('both to run', () => {
        const pids = membersOf(worker)
        return pids.length === 4 && pids
      })
      assert.ok(members.includes(worker.pid!))
      worker.stop()
      await worker.gone
      assert.deepEqual(membersOf(worker), [])
    })

    test('passes on nothing of its own environment', async () => {
      await using worker = await start()
      worker.serve({ argv: ['/usr/bin/env'], env: { ONLY: 'this' }, cwd: '/' }, graces)
      worker.stdin.end()
      // Node itself adds what measures coverage.
      const output = (await read(worker.stdout)).replace(/^NODE_V8_COVERAGE=.*\n/m, '')
      assert.equal(output, 'ONLY=this\n')
    })

    test('keeps the last 64 KiB of standard error', async () => {
      await using worker = await start()
      worker.serve(shell('head -c 300000 /dev/zero | tr "\\0" x >&2; echo the end >&2; exit 1'), graces)
      worker.stdin.end()
      worker.stdout.resume()
      await worker.report
      const words = await worker.lastWords()
      assert.equal(words.length, 64 * 1024)
      assert.match(words, /x\nthe end\n$|xthe end\n$/)
    })

    test('says when its command cannot be started', async () => {
      await using worker = await start()
      worker.serve({ argv: ['/nonexistent/git'], env: {}, cwd: '/' }, graces)
      await assert.rejects(worker.report, (error) => error instanceof WorkerStartError && /ENOENT/.test(error.message))
    })

    test('serves once', async () => {
      await using worker = await start()
      worker.serve(shell('true'), graces)
      assert.throws(() => worker.serve(shell('true'), graces), WorkerStartError)
    })
  })
}

/** A worker that is a process of this one, with a program of its own. */
const spawned = (program: string, args: readonly string[], startTimeout = 60_000) =>
  new Worker((events) => new SpawnedProcess({ program, args, env: {}, cwd: '/' }, events), startTimeout)

test('a worker that is late to start is given up and gone', async () => {
  await using worker = spawned('/bin/sleep', ['1000'], 50)
  await assert.rejects(worker.ready, /was not ready after 50 ms/)
  await worker.gone
  assert.deepEqual(membersOf(worker), [])
})

/** How many workers have a request. */
function serving({ counts }: Pool): number {
  return counts.serving + counts.draining + counts.stopping
}

describe('the pool', () => {
  async function start(warm: number, program?: string) {
    await using opened = new AsyncDisposableStack()
    const workers = opened.use(await openTestWorkers())
    const startWorker = () => (program === undefined ? workers.start() : spawned(program, [nodeWorker]))
    const pool = opened.use(new Pool({ startWorker, warm }, silent))
    const parts = opened.move()
    return { pool, [Symbol.asyncDispose]: () => parts.disposeAsync() }
  }

  test('keeps its idle workers level: a leased one is replaced while it serves', async () => {
    await using started = await start(2)
    const { pool } = started
    await until('two idle workers', () => pool.counts.idle === 2)
    await using worker = await pool.lease()
    await until('a replacement', () => pool.counts.idle === 2)
    assert.deepEqual(pool.counts, { starting: 0, idle: 2, serving: 1, draining: 0, stopping: 0 })
    worker.stop()
    await worker.gone
    assert.equal(serving(pool), 0)
  })

  test('leases no worker twice, whatever the rush', async () => {
    await using started = await start(2)
    const workers = await Promise.all(Array.from({ length: 12 }, () => started.pool.lease()))
    assert.equal(new Set(workers.map((worker) => worker.pid)).size, 12)
    await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()))
    assert.equal(serving(started.pool), 0)
  })

  test('starts workers on demand where none are kept warm', async () => {
    await using started = await start(0)
    assert.deepEqual(started.pool.counts, { starting: 0, idle: 0, serving: 0, draining: 0, stopping: 0 })
    await using worker = await started.pool.lease()
    assert.equal(worker.state, 'idle')
  })

  test('replaces an idle worker that dies', async () => {
    await using started = await start(1)
    const { pool } = started
    await until('an idle worker', () => pool.counts.idle === 1)
    const pid = (await workersOfLaunchers())[0]!
    process.kill(pid, 'SIGKILL')
    await until('another one', async () => pool.counts.idle === 1 && !(await workersOfLaunchers()).includes(pid))
  })

  test('whoever leaves while waiting gets none, and none is lost', async () => {
    await using started = await start(0)
    const leaver = new AbortController()
    const leased = started.pool.lease(leaver.signal)
    leaver.abort(new Refusal('client_gone'))
    await assert.rejects(leased, (error) => error instanceof Refusal && error.reason === 'client_gone')
    await until('the worker to become idle', () => started.pool.counts.idle === 1)
    assert.equal(serving(started.pool), 0)
  })

  test('refuses while workers cannot be started, and does not spin', async () => {
    await using started = await start(3, '/nonexistent/bun')
    await until('the failure to be noticed', () => started.pool.isFailing)
    await assert.rejects(
      started.pool.lease(),
      (error) => error instanceof Refusal && error.reason === 'no_worker' && error.status === 503,
    )
    assert.equal(started.pool.counts.starting, 0)
  })

  test('recovers when workers start again, also where none are kept warm', async () => {
    await using folder = await temporaryFolder()
    const program = join(folder.path, 'program')
    await using started = await start(0, program)
    const isNoWorker = (error: unknown) => error instanceof Refusal && error.reason === 'no_worker'
    await assert.rejects(started.pool.lease(), isNoWorker)
    assert.equal(started.pool.isFailing, true)
    await symlink(process.execPath, program)
    await until('a worker to start', () => !started.pool.isFailing)
    await using worker = await started.pool.lease()
    assert.equal(worker.state, 'idle')
  })

  test('says why a worker ended at its start', async () => {
    await using worker = spawned('/bin/sh', ['-c', 'echo no such thing >&2; exit 1'])
    await assert.rejects(
      worker.ready,
      (error) => error instanceof WorkerStartError && /no such thing/.test(error.message),
    )
  })

  test('ends all its workers when it is closed, those that serve included', async () => {
    const started = await start(2)
    const worker = await started.pool.lease()
    worker.serve(shell('sleep 1000'), graces)
    assert.ok((await childrenOf(process.pid)).length >= 1)
    await started[Symbol.asyncDispose]()
    assert.equal(worker.state, 'gone')
    assert.deepEqual(await childrenOf(process.pid), [])
    await assert.rejects(started.pool.lease(), (error) => error instanceof Refusal && error.reason === 'draining')
  })

  test('runs git’s own jobs: output, exit codes, and git’s words as the error', async () => {
    await using started = await start(1)
    await using cwd = await temporaryFolder()
    await using configs = await temporaryFolder()
    const configFiles = await writeConfigFiles(configs.path, { packThreads: 1, packWindowMemory: 2 ** 20, fsync: true })
    const limits = {
      fsckObjects: true,
      packThreads: 1,
      fsync: true,
      reflogs: true,
      gnupgHome: undefined,
      jobNiceness: 3,
    }
    const options = { git: 'git', path, cwd: cwd.path, configFiles, ...limits }
    const lane = new Lane({ slots: 1, largestShare: 1, queueLength: 1, queueTimeout: 60_000, reasons: laneReasons })
    const spawnLog = SpawnLog.open(silent, [], join(configs.path, 'traces'))
    const runJob = jobRunner(started.pool, options, lane, spawnLog)
    assert.match(await runJob(['version']), /^git version 2\./)
    const niceness = Number(await runJob(['-c', 'alias.niceness=!nice', 'niceness']))
    assert.equal(niceness, 3)
    assert.equal(await runJob(['config', '--get', 'no.such'], { okCodes: [0, 1] }), '')
    await assert.rejects(
      runJob(['rev-parse', '--git-dir']),
      (error) => error instanceof JobError && /not a git repository/.test(error.message) && error.report?.code === 128,
    )
    assert.deepEqual(await readdir(cwd.path), [])
  })
})

function membersOf({ pid }: WorkerHandle): number[] {
  assert.ok(pid !== undefined)
  return sessionMembers(pid)
}

async function workersOfLaunchers(): Promise<number[]> {
  return (await Promise.all((await childrenOf(process.pid)).map(childrenOf))).flat()
}

async function childrenOf(pid: number): Promise<number[]> {
  const { readFile } = await import('node:fs/promises')
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.split(' ').filter(Boolean).map(Number)
}
