import { randomBytes } from 'node:crypto'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { git, tryGit } from '@sluice/shared/testing/git'
import type { GitResult } from '@sluice/shared/testing/git'
import { beginFetch, largeRepository } from '@sluice/shared/testing/requests'
import { isQuiet, startStack } from '@sluice/shared/testing/stack'
import type { LogLine } from '@sluice/shared/testing/app'
import { until } from '@sluice/shared/testing/until'
import { anySeed, randomFrom } from './history/random.ts'

/*
 * `npm run soak -- --seconds 60 --concurrency 8 --maintenance` runs clones, pushes, clients that leave, and kills of git and of
 * workers, all at once and at random. Then it counts everything that should be gone. A leak fails it. It says its seed, which
 * `--seed` takes.
 */

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    concurrency: { type: 'string', default: '6' },
    maintenance: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    /** Chooses where clients leave, and what is killed. How these fall together is the machine's. */
    seed: { type: 'string', default: anySeed() },
  },
})

const kinds = [
  'clone',
  'push',
  'clone, client leaves',
  'push, client leaves',
  'git killed',
  'worker killed',
  ...(options.maintenance ? (['branch rewritten and deleted', 'objects pile up'] as const) : []),
] as const
type Kind = (typeof kinds)[number]
const tried = new Map<Kind, number>()
let pushes = 0

await using stack = await startStack({
  SLUICE_KILL_GRACE: '1s',
  SLUICE_MAINTENANCE: options.maintenance ? 'on' : 'off',
})
const repository = join(stack.root, 'soak.git')
const url = `${stack.url}/soak.git`
await largeRepository(repository)
await git(stack.folder, ['clone', '--quiet', url, 'work'])
const before = await descriptors()

if (!options.json) console.log(`The seed is ${options.seed}.`)
const deadline = performance.now() + Number(options.seconds) * 1000
await Promise.all(Array.from({ length: Number(options.concurrency) }, (_, lane) => runLane(lane)))
const found = await countLeaks()
report(found)
if (found.some(({ count }) => count > 0)) process.exitCode = 1

async function runLane(lane: number): Promise<void> {
  const random = randomFrom(Number(options.seed) + lane)
  for (let turn = lane; performance.now() < deadline; turn++) {
    const kind = kinds[turn % kinds.length]!
    await run(kind, `${lane}-${turn}`, random)
    tried.set(kind, (tried.get(kind) ?? 0) + 1)
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${[...tried.values()].reduce((a, b) => a + b)} requests`)
  }
}

async function run(kind: Kind, name: string, random: () => number): Promise<void> {
  switch (kind) {
    case 'clone':
      // Each of these may fail because another lane kills its git.
      await tryGit(stack.folder, ['clone', '--quiet', '--bare', '--depth', '1', url, `clone-${name}`])
      break
    case 'push':
      await pushSomething(name)
      break
    case 'clone, client leaves': {
      const reply = await beginClone()
      await readSome(reply, random() * 8_000_000)
      reply.destroy()
      break
    }
    case 'push, client leaves':
      await leaveInMidPush(name, random() * 300)
      break
    case 'branch rewritten and deleted':
      await rewriteAndDelete(name)
      break
    case 'objects pile up':
      await pileUp(name)
      break
    case 'git killed':
    case 'worker killed': {
      const reply = await beginClone()
      const pids = await stack.gitProcesses()
      const pid = pids[Math.floor(random() * pids.length)]
      if (pid !== undefined) await kill(kind === 'git killed' ? pid : await sessionOf(pid))
      reply.resume()
      if (!reply.closed) await new Promise((resolve) => reply.on('close', resolve))
    }
  }
}

/** Pushes a commit of its own to a branch of its own. The push may fail because its git is killed. */
async function pushSomething(name: string): Promise<void> {
  const tree = await git(repository, ['rev-parse', 'main^{tree}'])
  const work = join(stack.folder, 'work')
  const commit = await git(work, ['commit-tree', '-p', 'main', '-m', name, tree])
  const { code } = await tryGit(work, ['push', '--quiet', url, `${commit}:refs/heads/b-${name}`])
  if (code === 0) pushes++
}

/** Each of the pushes may fail because its git is killed. */
async function rewriteAndDelete(name: string): Promise<void> {
  const work = join(stack.folder, 'work')
  const tree = await git(repository, ['rev-parse', 'main^{tree}'])
  for (const text of ['one', 'another']) {
    const commit = await git(work, ['commit-tree', '-p', 'main', '-m', `${text} ${name}`, tree])
    await tryGit(work, ['push', '--quiet', '--force', url, `${commit}:refs/heads/r-${name}`])
  }
  await tryGit(work, ['push', '--quiet', url, `:refs/heads/r-${name}`])
}

/** So many that maintenance begins soon. */
async function pileUp(name: string): Promise<void> {
  const commits = Array.from({ length: 60 }, (_, index) => {
    const text = `${name} ${index}\n`
    return (
      `commit refs/heads/pile-${name}\ncommitter A <a@example.com> ${1_700_000_000 + index} +0000\ndata 1\nx\n` +
      `M 100644 inline file-${index % 7}\ndata ${text.length}\n${text}\n`
    )
  })
  await tryGit(repository, ['-c', 'fastimport.unpackLimit=1000', 'fast-import', '--quiet'], { input: commits.join('') })
}

async function leaveInMidPush(name: string, afterMs: number): Promise<void> {
  const work = join(stack.folder, `leaver-${name}`)
  // Not by the folder's path: such a clone links every file that it sees, those of a push under way included.
  await git(stack.folder, ['clone', '--quiet', '--depth', '1', `file://${repository}`, work])
  await writeFile(join(work, 'big'), randomBytes(3 * 2 ** 20))
  await git(work, ['add', '.'])
  await git(work, ['commit', '--quiet', '-m', name])
  // All of the client's processes leave: without its parent, `git remote-http` would push later, beside the count.
  const push = ['push', '--quiet', url, `HEAD:refs/heads/l-${name}`]
  const child = spawn('git', push, { cwd: work, stdio: 'ignore', detached: true })
  const leaving = setTimeout(() => void kill(-child.pid!), afterMs)
  await once(child, 'exit')
  clearTimeout(leaving)
}

async function beginClone(): Promise<IncomingMessage> {
  return beginFetch(stack.gateway.address, 'soak.git', await git(repository, ['rev-parse', 'main']))
}

async function readSome(reply: IncomingMessage, bytes: number): Promise<void> {
  let seen = 0
  try {
    for await (const chunk of reply.iterator({ destroyOnReturn: false })) {
      seen += (chunk as Buffer).length
      if (seen >= bytes) return
    }
  } catch {
    // Another lane has killed its git.
  }
}

async function sessionOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3])
}

/** Kills a process of this stack, or a group of them (negative). They may have ended already. */
async function kill(pid: number): Promise<void> {
  try {
    if (Math.abs(pid) > 1) process.kill(pid, 'SIGKILL')
  } catch {
    // ESRCH.
  }
}

async function descriptors(): Promise<number> {
  const counts = await Promise.all(
    [stack.gateway.pid, stack.supervisor.pid].map(async (pid) => (await readdir(`/proc/${pid}/fd`)).length),
  )
  return counts.reduce((a, b) => a + b)
}

type Leak = { readonly what: string; readonly count: number }

async function countLeaks(): Promise<Leak[]> {
  await until('all requests to be over', async () => {
    const status = await stack.status()
    return isQuiet(status) && status.workers.starting === 0 && status.requestsInAll === 0
  })
  const sessions = new Set(stack.supervisor.lines.map((line) => line['worker']).filter(Boolean))
  // The orphans of a killed worker are PID 1's to reap, which may take a moment.
  await until('PID 1 to reap', async () => (await zombies(sessions)) === 0).catch(() => {})
  // The number of idle connections and warm workers varies, and those of clients that have left may take a moment to close.
  const slack = 16
  const moreDescriptors = async () => Math.max(0, (await descriptors()) - before - slack)
  await until('connections to close', async () => (await moreDescriptors()) === 0).catch(() => {})
  const more = await moreDescriptors()
  // Maintenance may be at work. What it replaces beside a `git fsck` would look as if it were missing.
  stack.supervisor.signal('SIGTERM')
  await stack.supervisor.exited
  const files = await readdir(repository, { recursive: true })
  const fsck = await tryGit(repository, ['fsck', '--full'])
  const refs = (await git(repository, ['for-each-ref', 'refs/heads/b-*'])).split('\n').filter(Boolean).length
  return [
    { what: 'processes of requests', count: (await stack.gitProcesses()).length },
    { what: 'zombies of requests', count: await zombies(sessions) },
    { what: 'notes in the run folder', count: (await readdir(join(stack.folder, 'run/requests'))).length },
    {
      what: 'quarantines, kept and temporary packs, locks',
      count: files.filter((f) => /tmp-|tmp_|incoming-|^gc\.pid|\.(lock|keep|new)$/.test(f)).length,
    },
    { what: 'descriptors', count: more },
    { what: 'errors of git fsck', count: sayIfBad(fsck) },
    { what: 'pushes that were reported done and are not there', count: Math.max(0, pushes - refs) },
    { what: 'lines of level error', count: stack.supervisor.lines.filter(isUnexpected).length },
  ]
}

/** A killed worker is lost, which is an error in the log. */
function isUnexpected(line: LogLine): boolean {
  return line['level'] === 'error' && line['reason'] !== 'worker_lost'
}

async function zombies(sessions: Set<unknown>): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')))
  return stats.filter((stat) => {
    const [state, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' && sessions.has(Number(session))
  }).length
}

function report(leaks: Leak[]): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  const outcomes = Object.groupBy(
    stack.supervisor.lines.filter((line) => line['outcome']),
    (line) => String(line['outcome']),
  )
  const ended = Object.entries(outcomes).map(([what, lines]) => ({ what, count: lines?.length ?? 0 }))
  for (const what of ['maintained', 'maintenance failed, and is tried again later']) {
    ended.push({ what, count: stack.supervisor.lines.filter(({ msg }) => msg === what).length })
  }
  const done = [...tried].map(([what, count]) => ({ what, count }))
  if (options.json) {
    console.log(JSON.stringify({ seed: options.seed, tried: done, outcomes: ended, leaks }, undefined, 2))
    return
  }
  table('tried', done)
  table('outcome', ended)
  table('left behind', leaks)
}

function table(title: string, rows: { what: string; count: number }[]): void {
  const width = Math.max(title.length, ...rows.map(({ what }) => what.length))
  console.log(`\n| ${title.padEnd(width)} | count |\n| ${'-'.repeat(width)} | ----: |`)
  for (const { what, count } of rows) console.log(`| ${what.padEnd(width)} | ${String(count).padStart(5)} |`)
}

/** What git says goes to standard error. */
function sayIfBad({ code, stdout, stderr }: GitResult): number {
  if (code === 0) return 0
  process.stderr.write(`git fsck ended with ${code}:\n${(stderr + stdout).slice(0, 2000)}\n`)
  return 1
}
