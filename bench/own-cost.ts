import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, open, readFile, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory } from '@sluice/shared/testing/git'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { silentLog } from '@sluice/shared/telemetry/log'
import { openWorkerSource } from '../apps/gitworker/src/process/runtime/worker-source.ts'
import type { WorkerSource } from '../apps/gitworker/src/process/runtime/worker-source.ts'

/*
 * What Sluice costs beyond git: the CPU of a worker's life, the latency that is added to one request, and the memory
 * that a large push and a large clone take. Prints a table; run it on an idle machine.
 */

const { values: options } = parseArgs({
  options: {
    workers: { type: 'string', default: '200' },
    requests: { type: 'string', default: '300' },
    megabytes: { type: 'string', default: '300' },
    json: { type: 'boolean', default: false },
  },
})

type Figure = { readonly what: string; readonly value: string; readonly target: string }

const figures = [...(await workerLife(Number(options.workers))), ...(await throughTheStack())]
if (options.json) console.log(JSON.stringify(figures, undefined, 2))
else print(figures)

/** A worker that runs /bin/true in git's place: what it costs this process, the launcher and the worker itself. */
async function workerLife(count: number): Promise<Figure[]> {
  const result: Figure[] = []
  for (const wanted of ['launcher', 'node'] as const) {
    await using folder = await temporaryFolder()
    const { path } = folder
    const off = undefined
    const limits = { gitMemory: off, gitCpuTime: off, gitFileSize: off, gitOpenFiles: off, gitOomScore: 500 }
    const settings = { wanted, folder: path, empty: path, startTimeout: 5000, termGrace: 0, killGrace: 1000, limits }
    await using workers = await openWorkerSource(settings, silentLog)
    await lives(workers, 20)
    const before = await cpuMs()
    const programs = await lives(workers, count)
    const now = await cpuMs()
    const own = (now.own - before.own) / count
    const others = (now.children - before.children - programs) / count
    result.push({
      what: `CPU of one worker's life on ${wanted}: supervisor + launcher and worker`,
      value: `${own.toFixed(2)} + ${others.toFixed(2)} ms`,
      target: wanted === 'launcher' ? 'at most 3 ms' : '–',
    })
  }
  return result
}

/** @returns the CPU of the programs that were run, where it is known */
async function lives(workers: WorkerSource, count: number): Promise<number> {
  let programs = 0
  for (let index = 0; index < count; index++) {
    progress(`worker lives on ${workers.runtime}`, index, count)
    await using worker = workers.startWorker()
    await worker.ready
    worker.serve({ argv: ['/bin/true'], env: {}, cwd: '/' }, { term: 0, kill: 1000, drain: false })
    worker.stdin.end()
    worker.stdout.resume()
    programs += (await worker.report).cpuMs ?? 0
    await worker.gone
  }
  return programs
}

async function throughTheStack(): Promise<Figure[]> {
  await using stack = await startStack({ SLUICE_LOG_LEVEL: 'warn' })
  return [...(await addedLatency(stack, Number(options.requests))), ...(await memory(stack, Number(options.megabytes)))]
}

/** The v2 advertisement of a small repository, over one kept connection, against git started by hand. */
async function addedLatency(stack: Stack, count: number): Promise<Figure[]> {
  const repository = join(stack.root, 'small.git')
  await git(stack.folder, ['init', '--quiet', '--bare', repository])
  await importHistory(repository, 20)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const byHand: number[] = []
  const served: number[] = []
  for (let index = 0; index < count; index++) {
    progress('latency', index, count)
    byHand.push(await timed(() => uploadPackByHand(repository)))
    served.push(await timed(() => get(`${stack.url}/small.git/info/refs?service=git-upload-pack`, agent)))
    // The next worker gets the time to become warm: this is about one request at a time.
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  agent.destroy()
  const [hand, sluice] = [median(byHand), median(served)]
  return [
    { what: 'git upload-pack run by hand, median', value: `${hand.toFixed(1)} ms`, target: '–' },
    { what: 'the same through Sluice, median', value: `${sluice.toFixed(1)} ms`, target: '–' },
    { what: 'added latency of one request', value: `${(sluice - hand).toFixed(1)} ms`, target: 'below 8 ms' },
  ]
}

async function memory(stack: Stack, megabytes: number): Promise<Figure[]> {
  const work = join(stack.folder, 'work')
  const server = join(stack.root, 'large.git')
  await mkdir(work)
  await git(work, ['init', '--quiet'])
  await git(stack.folder, ['init', '--quiet', '--bare', server])
  for (const repository of [work, server]) {
    await git(repository, ['config', 'core.compression', '0'])
    await git(repository, ['config', 'core.bigFileThreshold', '1m'])
  }
  await using file = await open(join(work, 'large.bin'), 'w')
  for (let written = 0; written < megabytes; written++) await file.write(randomBytes(2 ** 20))
  await git(work, ['add', '.'])
  await git(work, ['commit', '--quiet', '-m', 'Add a large file'])
  const push = () => git(work, ['push', '--quiet', `${stack.url}/large.git`, 'main'])
  const clone = () => git(stack.folder, ['clone', '--quiet', '--bare', `${stack.url}/large.git`, 'clone.git'])
  return [
    ...(await growth(stack, `a push of ${megabytes} MB`, push)),
    ...(await growth(stack, `a clone of ${megabytes} MB`, clone)),
  ]
}

/** The peak of each process's resident set during some work, above what it was before. */
async function growth(stack: Stack, what: string, work: () => Promise<unknown>): Promise<Figure[]> {
  const apps = { gateway: stack.gateway.pid, supervisor: stack.supervisor.pid }
  const before = new Map<number, number>()
  for (const pid of Object.values(apps)) {
    before.set(pid, await memoryKiB(pid, 'VmRSS'))
    // Resets the peak: proc(5).
    await writeFile(`/proc/${pid}/clear_refs`, '5')
  }
  progress(what, 0, 1)
  await work()
  const result: Figure[] = []
  for (const [name, pid] of Object.entries(apps)) {
    const grown = ((await memoryKiB(pid, 'VmHWM')) - before.get(pid)!) / 1024
    result.push({ what: `${name}: growth during ${what}`, value: `${grown.toFixed(0)} MiB`, target: 'at most 64 MiB' })
  }
  return result
}

async function memoryKiB(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1])
}

/** The CPU time of this process, and of its descendants that were waited for, or that live and are its children. */
async function cpuMs(): Promise<{ own: number; children: number }> {
  const { user, system } = process.cpuUsage()
  const living = (await readFile(`/proc/self/task/${process.pid}/children`, 'latin1')).split(' ').filter(Boolean)
  const times = await Promise.all(living.map((pid) => timesOf(pid)))
  const waitedFor = (await timesOf('self')).children
  return {
    own: (user + system) / 1000,
    children: times.reduce((sum, { own, children }) => sum + own + children, waitedFor),
  }
}

/** User and system time, in milliseconds: proc_pid_stat(5), in ticks of 10 ms. */
async function timesOf(pid: string): Promise<{ own: number; children: number }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
  const [own, ownSystem, children, childrenSystem] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11)
    .map(Number)
  return { own: (own! + ownSystem!) * 10, children: (children! + childrenSystem!) * 10 }
}

async function uploadPackByHand(repository: string): Promise<void> {
  const args = ['upload-pack', '--strict', '--stateless-rpc', '--http-backend-info-refs', repository]
  const env = { PATH: process.env['PATH'] ?? '', GIT_PROTOCOL: 'version=2' }
  const child = spawn('git', args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  child.stdout.resume()
  await once(child, 'close')
}

function get(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, headers: { 'Git-Protocol': 'version=2' } }, (response) => {
      response.resume()
      response.on('end', resolve)
    })
    sent.on('error', reject)
    sent.end()
  })
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

function progress(what: string, done: number, of: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what} ${done}/${of}`)
}

function print(rows: Figure[]): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  const width = Math.max(...rows.map((row) => row.what.length))
  console.log(`| ${'figure'.padEnd(width)} | ${'measured'.padStart(10)} | target         |`)
  console.log(`| ${'-'.repeat(width)} | ---------: | -------------- |`)
  for (const { what, value, target } of rows) {
    console.log(`| ${what.padEnd(width)} | ${value.padStart(10)} | ${target.padEnd(14)} |`)
  }
}
