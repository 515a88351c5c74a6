import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { tryGit } from '@sluice/shared/testing/git'
import { startStack } from '@sluice/shared/testing/stack'
import type { LogLine } from '@sluice/shared/testing/app'
import { until } from '@sluice/shared/testing/until'
import { killAtRandom } from './kills.ts'
import { differenceOf, findLeftovers, isUnexpected, zombiesOf } from './leftovers.ts'
import type { Found } from './leftovers.ts'
import { password, startMisbehaving, user } from './misbehaving-server.ts'
import { behaves, changeUpstream, makeUpstreams } from './upstreams.ts'

/*
 * `npm run soak:mirrors -- --seconds 30 --mirrors 100` keeps mirrors of the repositories of a second Sluice, which change all the
 * time, and many of whose answers are no good. git, workers and the supervisor are killed at random, clients fetch, and
 * maintenance is at work. Then all that can be is to be as its upstream, with nothing left behind. Anything else fails it.
 */

const { values: options } = parseArgs({
  options: { seconds: { type: 'string', default: '30' }, mirrors: { type: 'string', default: '100' } },
})

/** How long mirrors may take to be as their upstreams again when all is calm. */
const calmMs = 5 * 60_000

await using upstream = await startStack()
const repositories = await makeUpstreams(upstream, Number(options.mirrors))
const kindOf = new Map(repositories.map(({ name, kind }) => [name, kind]))
using front = await startMisbehaving(upstream.url, (name) => kindOf.get(name))
const file = join(upstream.folder, 'mirrors.yaml')
await writeMirrorsFile()
await using stack = await startStack({
  SLUICE_MIRRORS_FILE: file,
  SLUICE_MIRROR_SLOTS: '4',
  SLUICE_MIRROR_HOST_SLOTS: '16',
  SLUICE_MAINTENANCE: 'on',
  SLUICE_KILL_GRACE: '1s',
})
const lines: LogLine[] = []
const sessions = new Set<number>()
let fetches = 0
let changes = 0

const well = repositories.filter(({ kind }) => behaves(kind))
await until('what behaves is here', () => well.every((one) => existsSync(gitDirOf(one))), calmMs)
const deadline = performance.now() + Number(options.seconds) * 1000
const [killed] = await Promise.all([killAtRandom(stack, deadline, restart), change(), change(), fetch()])
front.calmDown()
// The new supervisor asks all upstreams at once.
await restart()
const different = await untilSame()
await until('nothing runs', async () => (await stack.gitProcesses()).length === 0).catch(() => {})
stack.supervisor.signal('SIGTERM')
await stack.supervisor.exited
keepLines()
await until('PID 1 to reap', async () => (await zombiesOf(sessions)).length === 0).catch(() => {})
report([
  { what: 'mirrors that are not as their upstream', which: different },
  { what: 'errors of git fsck', which: await checkObjects() },
  { what: 'mirrors of what never answered', which: healthy(false).map(gitDirOf).filter(existsSync) },
  { what: 'lines of level error', which: lines.filter(isUnexpected).map((line) => JSON.stringify(line)) },
  ...(await findLeftovers(stack, sessions)),
])

async function writeMirrorsFile(): Promise<void> {
  const passwordFile = join(upstream.folder, 'password')
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 })
  const entries = repositories.map(({ name, kind }) => {
    const secret = kind === 'wants a password' ? { credentials: { user, password_file: passwordFile } } : {}
    return { repository: `m/${name}`, upstream: `${front.url}/${name}.git`, ...secret }
  })
  // JSON is YAML.
  await writeFile(file, JSON.stringify({ defaults: { interval: '5s', stall: '2s' }, mirrors: entries }))
}

/** Kills the supervisor, with whatever it is at, and starts another. */
async function restart(): Promise<void> {
  stack.supervisor.signal('SIGKILL')
  await stack.supervisor.exited
  keepLines()
  await stack.restartSupervisor()
}

function keepLines(): void {
  lines.push(...stack.supervisor.lines)
  for (const { worker } of stack.supervisor.lines) if (typeof worker === 'number') sessions.add(worker)
}

async function change(): Promise<void> {
  while (performance.now() < deadline) {
    // Some change often, most seldom.
    const one = repositories[Math.floor(Math.random() ** 3 * repositories.length)]!
    await changeUpstream(upstream, one, `${changes++}`)
  }
}

/** Fetches of clients. They fail while the supervisor is not there. */
async function fetch(): Promise<void> {
  while (performance.now() < deadline) {
    await pause(300)
    const { name } = repositories[Math.floor(Math.random() * repositories.length)]!
    const { code } = await tryGit(stack.folder, ['clone', '--quiet', '--bare', `${stack.url}/m/${name}.git`, 'clone'])
    if (code === 0) fetches++
    await rm(join(stack.folder, 'clone'), { recursive: true, force: true })
  }
}

function healthy(isHealthy = true) {
  return repositories.filter(({ kind }) => !kind.startsWith('never') === isHealthy)
}

function gitDirOf({ name }: { readonly name: string }): string {
  return join(stack.root, `m/${name}.git`)
}

/** @returns what is different when the time is over */
async function untilSame(): Promise<string[]> {
  const latest = performance.now() + calmMs
  let left = healthy()
  for (;;) {
    const found: { readonly one: (typeof left)[number]; readonly difference: string }[] = []
    for (const one of left) {
      const difference = existsSync(gitDirOf(one)) ? await differenceOf(one, gitDirOf(one)) : 'is not here'
      if (difference !== undefined) found.push({ one, difference })
    }
    left = found.map(({ one }) => one)
    if (left.length === 0) return []
    if (performance.now() > latest) {
      const status = (await stack.status()) as unknown as { mirrors: { mirrors: { repository: string }[] } }
      return found.map(({ one, difference }) => {
        const state = status.mirrors.mirrors.find(({ repository }) => repository === `m/${one.name}`)
        return `${one.name} (${one.kind}): ${difference}; ${JSON.stringify(state)}`
      })
    }
    await pause(500)
  }
}

async function checkObjects(): Promise<string[]> {
  const errors: string[] = []
  for (const one of healthy()) {
    if (!existsSync(gitDirOf(one))) continue
    const { code, stdout, stderr } = await tryGit(gitDirOf(one), ['fsck', '--full', '--strict', '--no-dangling'])
    if (code !== 0) errors.push(`${one.name}: ${(stderr + stdout).slice(0, 1000)}`)
  }
  return errors
}

function report(found: readonly Found[]): void {
  const did: Readonly<Record<string, number>> = {
    'mirrors': repositories.length,
    'first copies': count('mirror: copied for the first time'),
    'runs that changed something': count('mirror: brought up to date'),
    'runs that failed': count('mirror: failed, and is tried again later'),
    'changes of upstreams': changes,
    'clones by clients': fetches,
    'maintained': count('maintained'),
    'git killed': killed.git,
    'workers killed': killed.worker,
    'supervisors killed': killed.supervisor + 1,
  }
  for (const [what, number] of Object.entries(did)) console.log(`${what.padEnd(44)} ${number}`)
  console.log('')
  for (const { what, which } of found) {
    console.log(`${what.padEnd(44)} ${which.length}`)
    for (const one of which.slice(0, 10)) console.log(`    ${one}`)
  }
  if (found.some(({ which }) => which.length > 0)) process.exitCode = 1
}

function count(message: string): number {
  return lines.filter(({ msg }) => msg === message).length
}
