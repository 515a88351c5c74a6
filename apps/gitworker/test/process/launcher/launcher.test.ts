import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { copyFile, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { describe, mock, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { until } from '@sluice/shared/testing/until'
import { Launcher } from '../../../src/process/launcher/launcher.ts'
import { commandFrame } from '../../../src/process/launcher/worker-frames.ts'
import { bunPrograms } from '../../../src/process/runtime/bun-programs.ts'
import { childrenOf } from '../../../src/process/launcher/orphans.ts'
import { isLive, processes, readProcess } from '../../../src/process/process-table.ts'
import type { WorkerHandle } from '../../../src/process/worker-handle.ts'
import { openTestWorkers } from '../../support/workers.ts'

/** The launcher at its worst moments: no worker is hurt, nothing is left, and workers go on to be started. */

const graces = { term: 0, kill: 300, drain: false }
const path = process.env['PATH'] ?? ''
const shell = (script: string) => ({ argv: ['/bin/sh', '-c', script], env: { PATH: path, IN_TEST: word }, cwd: '/' })
const word = `launcher-test-${process.pid}`

const launcherPid = () =>
  childrenOf(process.pid).find((pid) => {
    const found = readProcess(pid)
    return found?.name === 'sluice-launcher' && isLive(found)
  })

function isRunning(pid: number): boolean {
  const found = readProcess(pid)
  return found !== undefined && isLive(found)
}

async function ready(worker: WorkerHandle): Promise<WorkerHandle> {
  await worker.ready
  return worker
}

/** Lets a worker run a command to its end, and returns what that wrote. */
async function run(worker: WorkerHandle, script: string): Promise<string> {
  await worker.ready
  worker.serve(shell(script), graces)
  return await outputOf(worker)
}

async function outputOf(worker: WorkerHandle): Promise<string> {
  worker.stdin.end()
  const chunks: Buffer[] = []
  for await (const chunk of worker.stdout) chunks.push(chunk as Buffer)
  await worker.gone
  return Buffer.concat(chunks).toString()
}

/** What this file's commands have started, and still lives. */
async function left(): Promise<string[]> {
  const texts = await Promise.all(
    processes()
      .filter(isLive)
      .map(async ({ pid, name }) => [name, await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')] as const),
  )
  return texts.filter(([, text]) => text.includes(word)).map(([name]) => name)
}

function recordLog() {
  const lines: Record<string, unknown>[] = []
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().trim().split('\n')) lines.push(JSON.parse(line) as Record<string, unknown>)
      done()
    },
  })
  return { lines, log: pino({ base: null }, sink) }
}

describe('what a command finds', () => {
  test('is its three streams, and no other descriptor', async () => {
    await using workers = await openTestWorkers('launcher')
    assert.equal(await run(workers.start(), 'cd /proc/self/fd; echo *'), '0 1 2 3\n') // 3 is the shell's own, of the folder
  })

  test('is no signal that is blocked or ignored', async () => {
    await using workers = await openTestWorkers('launcher')
    const status = await run(workers.start(), 'exec cat /proc/self/status')
    for (const field of ['SigBlk', 'SigIgn', 'SigCgt']) assert.match(status, new RegExp(`^${field}:\\s+0+$`, 'm'))
  })

  test('is input that ends where its giver ends it, and many megabytes either way', async () => {
    await using workers = await openTestWorkers('launcher')
    const worker = await ready(workers.start())
    worker.serve(shell('cat'), graces)
    const size = 8 * 2 ** 20
    worker.stdin.end(Buffer.alloc(size, 'x'))
    let bytes = 0
    for await (const chunk of worker.stdout) bytes += (chunk as Buffer).length
    assert.equal(bytes, size)
    assert.equal(worker.outputBytes, size)
    assert.equal((await worker.report).code, 0)
  })

  test('leaves its output whole where it has not read its input', async () => {
    await using workers = await openTestWorkers('launcher')
    const worker = await ready(workers.start())
    worker.serve(shell('head -c 100000 /dev/zero'), graces)
    worker.stdin.write(Buffer.alloc(2 ** 20))
    await worker.gone
    let bytes = 0
    for await (const chunk of worker.stdout) bytes += (chunk as Buffer).length
    assert.equal(bytes, 100_000)
  })
})

describe('a launcher', () => {
  test('that is killed hurts no worker, and is replaced', async () => {
    const { lines, log } = recordLog()
    await using workers = await openTestWorkers('launcher', { log })
    await using serving = await ready(workers.start())
    await using idle = await ready(workers.start())
    serving.serve(shell('read line; echo "$line"'), graces)
    const pid = launcherPid()!
    process.kill(pid, 'SIGKILL')
    await until('it to be gone', () => launcherPid() !== pid)
    assert.equal(await run(workers.start(), 'echo new'), 'new\n')
    assert.equal(await run(idle, 'echo old'), 'old\n')
    serving.stdin.write('still here\n')
    assert.equal(await outputOf(serving), 'still here\n')
    assert.ok(lines.some(({ msg }) => /the launcher of workers has ended/.test(String(msg))))
  })

  test('that is stopped is replaced within the time in which a worker must be ready', async () => {
    await using workers = await openTestWorkers('launcher', { startTimeout: 20_000 })
    await using worker = await ready(workers.start())
    process.kill(launcherPid()!, 'SIGSTOP')
    assert.equal(await run(workers.start(), 'echo new'), 'new\n')
    assert.equal(await run(worker, 'echo old'), 'old\n')
  })

  test('that cannot compile any more is said to be in the way of workers, and replaced when it can', async () => {
    await using folder = await temporaryFolder()
    const program = join(folder.path, 'bun')
    await symlink(bunPrograms()[0]!, program)
    await using workers = await openTestWorkers('launcher', { programs: [program] })
    await rm(program)
    const pid = launcherPid()!
    process.kill(pid, 'SIGKILL')
    await until('it to be gone', () => launcherPid() !== pid)
    await assert.rejects(workers.start().ready, /could not be started/)
    await symlink(bunPrograms()[0]!, program)
    assert.equal(await run(workers.start(), 'echo new'), 'new\n')
  })

  test('that is stopped keeps no worker from being gone, though no other one is started', async () => {
    await using workers = await openTestWorkers('launcher', { startTimeout: 10_000 })
    const worker = await ready(workers.start())
    process.kill(launcherPid()!, 'SIGSTOP')
    assert.equal(await run(worker, 'echo old'), 'old\n')
    assert.equal(worker.state, 'gone')
  })

  test('has workers that lead their sessions as soon as they are ready', async () => {
    await using workers = await openTestWorkers('launcher')
    for (let start = 0; start < 50; start++) {
      await using worker = await ready(workers.start())
      const { name, session, group } = readProcess(worker.pid!)!
      assert.deepEqual({ name, session, group }, { name: 'sluice-worker', session: worker.pid, group: worker.pid })
    }
  })

  test('whose folder is removed is replaced, and the folder made anew', async () => {
    await using workers = await openTestWorkers('launcher')
    await using idle = await ready(workers.start())
    const folder = join(workers.folder, 'workers')
    await rm(folder, { recursive: true })
    assert.equal(await run(workers.start(), 'echo new'), 'new\n')
    assert.equal(await run(idle, 'echo old'), 'old\n')
    assert.equal((await stat(folder)).mode & 0o777, 0o700)
  })

  test('whose folder could not be made anew is replaced as soon as that is possible', async () => {
    await using workers = await openTestWorkers('launcher')
    const folder = join(workers.folder, 'workers')
    await rm(folder, { recursive: true })
    await writeFile(folder, 'in the way')
    for (let start = 0; start < 2; start++) await assert.rejects(workers.start().ready)
    await rm(folder)
    assert.equal(await run(workers.start(), 'echo new'), 'new\n')
  })

  test('has its socket in a folder whose path is too long for a socket', async () => {
    await using workers = await openTestWorkers('launcher', { subfolder: join('x'.repeat(100), 'y'.repeat(100)) })
    assert.equal(await run(workers.start(), 'echo fine'), 'fine\n')
  })

  test('that dies between a fork and its answer leaves no worker behind', async () => {
    await using folder = await temporaryFolder()
    const program = join(folder.path, 'bun')
    const pids = join(folder.path, 'pids')
    const main = fileURLToPath(new URL('../../fixtures/launcher/dies-after-fork.ts', import.meta.url))
    await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${main}' '${pids}'\n`, { mode: 0o755 })
    await using workers = await openTestWorkers('launcher', { programs: [program] })
    await assert.rejects(workers.start().ready, /The launcher has ended/)
    const forked = (await readFile(pids, 'utf8')).trim().split('\n').map(Number)
    assert.equal(forked.length, 2)
    await until('all of them to have ended', () => !forked.some(isRunning))
  })

  test('writes nothing into the folder of temporary files', async () => {
    await using workers = await openTestWorkers('launcher')
    await ready(workers.start())
    const environment = await readFile(`/proc/${launcherPid()}/environ`, 'latin1')
    assert.ok(environment.split('\0').includes('BUN_TMPDIR=/dev/null'))
  })

  test('keeps the pid of a worker that was killed until what it ran has ended', async () => {
    await using workers = await openTestWorkers('launcher')
    const worker = await ready(workers.start())
    // Long enough for the worker to be seen while what it ran still lives.
    worker.serve(shell('trap "" TERM; echo deaf; while :; do sleep 1; done'), { ...graces, kill: 1000 })
    await once(worker.stdout, 'data')
    process.kill(worker.pid!, 'SIGKILL')
    await until('it to be a zombie', () => readProcess(worker.pid!)?.state === 'Z')
    assert.notEqual(worker.state, 'gone')
    await worker.gone
    assert.equal(readProcess(worker.pid!), undefined)
    assert.deepEqual(await left(), [])
  })

  test('finds what a killed worker has left, though it has cleared its environment and taken a session', async () => {
    const { lines, log } = recordLog()
    await using workers = await openTestWorkers('launcher', { log })
    const worker = await ready(workers.start())
    // Its parent ends, so that nothing but the launcher can tell whose it is.
    const seconds = String(4_000_000 + process.pid)
    worker.serve(shell(`(env -i setsid /bin/sh -c "exec sleep ${seconds}" &); sleep 1000`), graces)
    const sleepers = () => processes().filter(({ name, pid }) => name === 'sleep' && commandLine(pid).includes(seconds))
    await until('it to run, and its parent to have ended', () => sleepers()[0]?.parent === worker.pid)
    process.kill(worker.pid!, 'SIGKILL')
    await worker.gone
    assert.deepEqual(sleepers(), [])
    assert.deepEqual(await left(), [])
    // A worker's channel closes just before its children get another parent: what is still its child is told from that.
    const line = lines.find(({ msg }) => msg === 'ended what killed workers had left')
    assert.ok(
      line?.['count'] === 1 || worker.leftovers.some(({ name }) => name === 'sleep'),
      JSON.stringify([lines, worker.leftovers]),
    )
  })

  test('looks once a minute for what killed workers have left, and counts it', async () => {
    mock.timers.enable({ apis: ['setInterval'] })
    try {
      await using folder = await temporaryFolder()
      const times = { startTimeout: 60_000, killGrace: 300, lastGrace: 2000 }
      await using launcher = await Launcher.open(
        { program: bunPrograms()[0]!, folder: folder.path, ...times },
        silentLog,
      )
      const { pid, streams } = await launcher.launch()
      const seconds = String(6_000_000 + process.pid)
      // Nobody but the launcher knows of this worker, so nobody looks when it is killed.
      streams.channel.on('error', () => {}).write(commandFrame(shell(`exec setsid sleep ${seconds}`), graces))
      const sleepers = () =>
        processes().filter(({ name, pid: it }) => name === 'sleep' && commandLine(it).includes(seconds))
      await until('it to run', () => sleepers().length === 1)
      process.kill(pid, 'SIGKILL')
      await until('it to be the launcher’s', () => sleepers()[0]?.parent === launcherPid())
      assert.equal(launcher.orphansEnded, 0)
      mock.timers.tick(60_000)
      await until('it to be ended', () => launcher.orphansEnded > 0 && sleepers().length === 0)
      assert.deepEqual(await left(), [])
    } finally {
      mock.timers.reset()
    }
  })

  test('that is stopped ends, too, when the supervisor is killed', async () => {
    const main = fileURLToPath(new URL('../../fixtures/launcher/has-a-worker.ts', import.meta.url))
    await using folder = await temporaryFolder()
    const env = { ...process.env, TMPDIR: folder.path }
    const supervisor = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    await once(supervisor.stdout, 'data')
    const [launcher] = childrenOf(supervisor.pid!)
    process.kill(launcher!, 'SIGSTOP')
    supervisor.kill('SIGKILL')
    await until('it to have ended', () => !isRunning(launcher!))
  })

  test('ends when the supervisor does, and so do its workers', async () => {
    const workers = await openTestWorkers('launcher')
    const worker = await ready(workers.start())
    const pid = launcherPid()
    await workers[Symbol.asyncDispose]()
    assert.equal(launcherPid(), undefined)
    worker.stop()
    await worker.gone
    assert.ok(pid !== undefined && readProcess(pid) === undefined)
  })
})

describe('an idle worker', () => {
  test('that is stopped is ended all the same, and so is one that is stopped while it serves, or before', async () => {
    await using workers = await openTestWorkers('launcher')
    const idle = await ready(workers.start())
    const serving = await ready(workers.start())
    serving.serve(shell('while :; do sleep 1; done'), graces)
    await until('it to run', async () => (await left()).length > 0)
    const leased = await ready(workers.start())
    const pids = [idle, serving, leased].map(({ pid }) => pid!)
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    leased.serve(shell('true'), graces)
    for (const worker of [idle, serving, leased]) worker.stop()
    await Promise.all([idle.gone, serving.gone, leased.gone])
    for (const pid of pids) assert.equal(readProcess(pid), undefined)
    assert.deepEqual(await left(), [])
  })

  test('that is stopped and leased serves when it goes on', async () => {
    await using workers = await openTestWorkers('launcher')
    const worker = await ready(workers.start())
    process.kill(worker.pid!, 'SIGSTOP')
    const output = run(worker, 'echo late')
    process.kill(worker.pid!, 'SIGCONT')
    assert.equal(await output, 'late\n')
  })
})

describe('a stranger at the workers’ socket', () => {
  test('is turned away, whatever they say, and hurts nobody', async () => {
    await using workers = await openTestWorkers('launcher')
    const socketPath = join(workers.folder, 'workers/workers.sock')
    const strangers = ['', 'x', 'x'.repeat(17), 'x'.repeat(100_000)].map((bytes) => {
      const socket = connect(socketPath)
      socket.on('error', () => {})
      socket.write(bytes)
      return { socket, closed: new Promise((resolve) => socket.on('close', resolve)), isSilent: bytes === '' }
    })
    await Promise.all(strangers.filter(({ isSilent }) => !isSilent).map(({ closed }) => closed))
    assert.equal(await run(workers.start(), 'echo fine'), 'fine\n')
    for (const { socket } of strangers) socket.destroy()
  })

  test('cannot keep workers out by a crowd that says nothing: the one that has been silent for longest goes', async () => {
    await using workers = await openTestWorkers('launcher')
    const socketPath = join(workers.folder, 'workers/workers.sock')
    const crowd: Socket[] = []
    let turnedAway = 0
    for (let count = 0; count < 1100; count++) {
      const socket = connect(socketPath)
      socket.on('error', () => {}).on('close', () => turnedAway++)
      await once(socket, 'connect')
      crowd.push(socket)
    }
    await until('the first to be turned away', () => turnedAway >= 100)
    assert.equal(crowd[0]?.destroyed, true)
    assert.equal(await run(workers.start(), 'echo fine'), 'fine\n')
    for (const socket of crowd) socket.destroy()
  })
})

describe('without a launcher', () => {
  async function openWith(bun: (folder: string) => Promise<void>) {
    await using folder = await temporaryFolder()
    await bun(folder.path)
    const { lines, log } = recordLog()
    await using workers = await openTestWorkers('auto', { log, programs: [join(folder.path, 'bun')] })
    assert.equal(await run(workers.start(), 'echo fine'), 'fine\n')
    return lines
  }

  const problems: [what: string, bun: (folder: string) => Promise<void>, why: RegExp][] = [
    ['a Bun that is none', (folder) => symlink('/bin/false', join(folder, 'bun')), /could not be started/],
    [
      'a Bun that cannot compile',
      (folder) => writeFile(join(folder, 'bun'), '#!/bin/sh\necho "error: no cc" >&2; exit 1\n', { mode: 0o755 }),
      /no cc/,
    ],
    ['C sources that do not compile', bunWithBrokenSources, /launcher\.c:1/],
  ]
  for (const [what, bun, why] of problems) {
    test(`with ${what}, workers run on Node, and one line says why and what it costs`, async () => {
      const warnings = (await openWith(bun)).filter(({ level }) => Number(level) >= 40)
      assert.equal(warnings.length, 1)
      assert.match(String(warnings[0]!['msg']), /workers run on Node: each costs 50 ms/)
      assert.match(String(warnings[0]!['why']), why)
    })
  }
})

/** A Bun that runs the launcher with other C sources than ours. */
async function bunWithBrokenSources(folder: string): Promise<void> {
  await copyFile(new URL('../../../src/worker/launcher/main.ts', import.meta.url), join(folder, 'main.ts'))
  await writeFile(join(folder, 'launcher.c'), 'int launch(void) { return }\n')
  const script = `#!/bin/sh\nwhile [ "\${1##*/}" != main.ts ]; do shift; done; shift\nexec ${bunPrograms()[0]} ${folder}/main.ts "$@"\n`
  await writeFile(join(folder, 'bun'), script, { mode: 0o755 })
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch {
    return ''
  }
}
