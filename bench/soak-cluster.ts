import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startCluster } from '@sluice/shared/testing/cluster'
import { noEtcd, startEtcd } from '@sluice/shared/testing/etcd'
import { git } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { checkHistory } from './history/checks/check-history.ts'
import { Clients } from './history/clients.ts'
import { faultsNamed, faultsOfClocks, faultsOfCopies, faultsOfDisks } from './history/faults/faults.ts'
import { History } from './history/history.ts'
import { leftBehind } from './history/checks/left-behind.ts'
import { MemberLogs } from './history/member-logs.ts'
import { Nemesis } from './history/faults/nemesis.ts'
import { openEtcd } from './history/open-etcd.ts'
import { Primaries } from './history/primaries.ts'
import { anySeed, randomFrom, tracksFrom } from './history/random.ts'
import { readAll } from './history/read-all.ts'
import { report } from './history/report.ts'
import { sayWhen } from './history/say-when.ts'
import { showSuppressed } from './history/show-suppressed.ts'

/*
 * `npm run soak:cluster -- --seconds 60 --seed 1` lets hosts, gateways and etcd of a cluster die, stand still and lose each
 * other, while clients push and read. What they were told and saw is written down, and checked in the end: nothing that was
 * acknowledged may be missing, no read may show less than was acknowledged before it began, and no host may take itself for
 * primary that is none. Once nothing goes wrong any more, no push may fail, and no host may log an error. A seed chooses the
 * same faults in the same order; what happens between them is up to the machine.
 */

showSuppressed()
const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '45' },
    seed: { type: 'string', default: anySeed() },
    /** Only faults whose names contain one of these, separated by commas. */
    faults: { type: 'string', default: '' },
    /** How many go on at once. */
    tracks: { type: 'string', default: '3' },
  },
})

if (noEtcd) {
  console.log(`Skipped: ${noEtcd}`)
  process.exit()
}
const leftOut = [...faultsOfCopies, ...faultsOfDisks, ...faultsOfClocks]
const ttl = 3000
const hostWait = 6000
/** After the last fault, for how long all must go well. */
const calmMs = 4000
const seed = Number(options.seed)
const random = randomFrom(seed)
console.log(`The seed is ${options.seed}.`)

const logs = new MemberLogs(undefined)
await using etcd = await startEtcd({ members: 3 })
const cluster = await startCluster({
  etcd: etcd.env,
  hosts: 3,
  gateways: 2,
  cuts: true,
  takeLine: (member, line) => logs.take(member, line),
  env: {
    SLUICE_LEASE: `${ttl}ms`,
    SLUICE_LEAVE: 'on',
    SLUICE_DRAIN_TIMEOUT: '5s',
    SLUICE_HOST_WAIT: `${hostWait}ms`,
    SLUICE_KILL_GRACE: '1s',
  },
})
await using parts = new AsyncDisposableStack()
const coordinator = parts.use(await openEtcd(etcd))
const clusterEnd = parts.use(cluster)
void clusterEnd
const root = cluster.rootOf('host-1')
const repositories = ['one.git', 'two.git', 'slow.git'] as const
for (const name of repositories) await git(cluster.folder, ['init', '--quiet', '--bare', join(root, name)])
await writeHook(join(root, 'slow.git'), 'update', 'sleep 0.4')

const history = new History()
const over = new AbortController()
const following = new AbortController()
const watched = new Primaries(cluster, coordinator, history, over.signal)
const clients = new Clients(cluster, watched, history, random, over.signal)
const started = performance.now()
const say = sayWhen(started)
const follows = watched.follow(repositories, following.signal)
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
  ...repositories.flatMap((name) => [watched.look(name), watched.askHosts(name)]),
]
const nemesis = new Nemesis(
  { cluster, etcd, coordinator, history, primaries: () => watched.names, ttl },
  faultsNamed(options.faults).filter((name) => !leftOut.includes(name)),
)
const ending = new AbortController()
setTimeout(() => ending.abort(), Number(options.seconds) * 1000).unref()
const tracks = tracksFrom(seed, Number(options.tracks))
await Promise.all(tracks.map((ofTrack) => nemesis.run(ending.signal, ofTrack, say)))
await cluster.ready()
const calmSince = { at: Date.now(), now: performance.now() }
history.isCalmSince(calmSince.now)
await pause(calmMs)
over.abort()
await Promise.all(atWork)
say('all is well again, and everybody has stopped')
await readAll(cluster, clients)
following.abort()
await follows
const isExcused = (began: number, ended: number) =>
  began < calmSince.at && nemesis.wasAtWork(began, ended, 2 * ttl + hostWait)
const after = await leftBehind({ cluster, roots: [root], logs, isExcused })
await report({ run: options, faults: nemesis.done, history, wrong: [...checkHistory(history), ...after] })
