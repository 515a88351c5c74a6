import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { pino } from 'pino'
import { openCoordinator } from '@sluice/shared/coordinator/open/open-coordinator'
import { startCluster } from '@sluice/shared/testing/cluster'
import type { Cluster } from '@sluice/shared/testing/cluster'
import { noEtcd, startEtcd } from '@sluice/shared/testing/etcd'
import { git } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { until } from '@sluice/shared/testing/until'
import { Clients } from './history/clients.ts'
import { faultNames } from './history/faults.ts'
import { History } from './history/history.ts'
import { leftBehind } from './history/left-behind.ts'
import type { Found } from './history/left-behind.ts'
import { Nemesis } from './history/nemesis.ts'
import { randomFrom } from './history/random.ts'

/*
 * `npm run soak:cluster -- --seconds 60 --seed 1` lets hosts, gateways and etcd of a cluster die, stand still and lose each
 * other, while clients push and read. What they were told and saw is written down, and checked in the end: nothing that was
 * acknowledged may be missing, no read may show less than was acknowledged before it began, and no host may take itself for
 * primary that is none. Once nothing goes wrong any more, no push may fail, and no host may log an error. A seed chooses the
 * same faults in the same order; what happens between them is up to the machine.
 */

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '45' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    /** Faults whose names contain this only. */
    faults: { type: 'string', default: '' },
    /** How many go on at once. */
    tracks: { type: 'string', default: '3' },
  },
})

if (noEtcd) {
  console.log(`Skipped: ${noEtcd}`)
  process.exit()
}
const ttl = 3000
const hostWait = 6000
/** After the last fault, for how long all must go well. */
const calmMs = 4000
const seed = Number(options.seed)
const random = randomFrom(seed)
console.log(`The seed is ${options.seed}.`)

await using etcd = await startEtcd({ members: 3 })
const cluster = await startCluster({
  etcd: etcd.env,
  hosts: 3,
  gateways: 2,
  cuts: true,
  env: {
    SLUICE_LEASE: `${ttl}ms`,
    SLUICE_LEAVE: 'on',
    SLUICE_DRAIN_TIMEOUT: '5s',
    SLUICE_HOST_WAIT: `${hostWait}ms`,
    SLUICE_KILL_GRACE: '1s',
  },
})
await using parts = new AsyncDisposableStack()
const coordinator = parts.use(await openEtcd())
const clusterEnd = parts.use(cluster)
void clusterEnd
const root = cluster.rootOf('host-1')
const repositories = ['one.git', 'two.git', 'slow.git'] as const
for (const name of repositories) await git(cluster.folder, ['init', '--quiet', '--bare', join(root, name)])
await writeHook(join(root, 'slow.git'), 'update', 'sleep 0.4')

const history = new History()
const over = new AbortController()
const following = new AbortController()
const clients = new Clients(cluster, coordinator, history, random, over.signal)
const started = performance.now()
const say = (line: string) =>
  console.error(`${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s  ${line}`)
const follows = clients.follow(repositories, following.signal)
const atWork = [
  clients.pushThroughGateways('one.git', 'refs/heads/a'),
  clients.pushThroughGateways('one.git', 'refs/heads/main'),
  clients.pushThroughGateways('one.git', 'refs/heads/main'),
  clients.create('new'),
  clients.pushToPrimary('two.git', 'refs/heads/a'),
  clients.pushToPrimary('slow.git', 'refs/heads/a'),
  clients.pushToPrimary('slow.git', 'refs/heads/b'),
  clients.read(),
  clients.read(),
  ...repositories.flatMap((name) => [clients.look(name), clients.askHosts(name)]),
]
const nemesis = new Nemesis(
  { cluster, etcd, coordinator, history, primaries: () => clients.primaries, ttl },
  faultNames.filter((name) => name.includes(options.faults)),
)
const ending = new AbortController()
setTimeout(() => ending.abort(), Number(options.seconds) * 1000).unref()
const tracks = Array.from({ length: Number(options.tracks) }, (_, track) => randomFrom(seed + track + 1))
await Promise.all(tracks.map((ofTrack) => nemesis.run(ending.signal, ofTrack, say)))
await cluster.ready()
const calmSince = { at: Date.now(), now: performance.now() }
history.isCalmSince(calmSince.now)
await pause(calmMs)
over.abort()
await Promise.all(atWork)
say('all is well again, and everybody has stopped')
await readAll(cluster)
following.abort()
await follows
const isExcused = (began: number, ended: number) =>
  began < calmSince.at && nemesis.wasAtWork(began, ended, 2 * ttl + hostWait)
report(await leftBehind({ cluster, root, isExcused }))

async function openEtcd() {
  const none = { etcdUser: undefined, etcdPasswordFile: undefined }
  const plain = { etcdTlsCa: undefined, etcdTlsCertificate: undefined, etcdTlsKey: undefined }
  const where = { cluster: 'etcd', etcd: etcd.members.map(({ endpoint }) => endpoint), etcdPrefix: '/sluice/' } as const
  return await openCoordinator({ ...where, ...none, ...plain }, pino({ level: 'silent' }))
}

/** In the end, each reference is read once more, by each gateway. */
async function readAll({ gateways }: Cluster): Promise<void> {
  for (const place of clients.places) {
    for (const { name, app } of gateways)
      await until(place, () => clients.readPlace(place, `${name} in the end`, app.address))
  }
}

function report(after: readonly Found[]): void {
  const checks = [...history.check(), ...after]
  table('what went wrong on purpose', [...nemesis.done])
  table('what happened', Object.entries(history.counts))
  table('why pushes were not acknowledged', [...history.reasons])
  table(
    'what is wrong',
    checks.map(({ what, found }) => [what, found.length]),
  )
  for (const { what, found } of checks) {
    if (found.length > 0) console.log(`\n${what}:\n${found.slice(0, 8).join('\n')}`)
  }
  if (checks.some(({ found }) => found.length > 0)) process.exitCode = 1
  console.log(`\nThe seed was ${options.seed}.`)
}

function table(title: string, rows: readonly (readonly [string, number])[]): void {
  const width = Math.max(title.length, ...rows.map(([what]) => what.length))
  console.log(`\n| ${title.padEnd(width)} | count |\n| ${'-'.repeat(width)} | ----: |`)
  for (const [what, count] of rows) console.log(`| ${what.padEnd(width)} | ${String(count).padStart(5)} |`)
}
