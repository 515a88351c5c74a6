import { parseArgs } from 'node:util'
import { startCluster } from '@sluice/shared/testing/cluster'
import { noEtcd, startEtcd } from '@sluice/shared/testing/etcd'
import { patienceMs } from '@sluice/shared/testing/patience'
import { checkHistory } from '../history/checks/check-history.ts'
import { checkMeanwhile } from '../history/checks/check-meanwhile.ts'
import { Clients } from '../history/clients.ts'
import { noClocks, openClocks } from '../history/faults/clocks.ts'
import { mountDisk, noDisks } from '../history/faults/disks.ts'
import { faultsNamed, faultsOfClocks, faultsOfDisks } from '../history/faults/faults.ts'
import { repositoryOfOne } from '../history/faults/replaced.ts'
import { History } from '../history/history.ts'
import { LeasesInDoubt } from '../history/leases-in-doubt.ts'
import { leftBehind } from '../history/checks/left-behind.ts'
import { MemberLogs } from '../history/member-logs.ts'
import { Nemesis } from '../history/faults/nemesis.ts'
import { openEtcd } from '../history/open-etcd.ts'
import { Primaries } from '../history/primaries.ts'
import { anySeed, randomFrom, tracksFrom } from '../history/random.ts'
import { readAll } from '../history/read-all.ts'
import { report } from '../history/report.ts'
import { sayWhen } from '../history/say-when.ts'
import { showSuppressed } from '../history/show-suppressed.ts'
import { untilCalm } from './calm.ts'
import { copiesDiffer, inSyncAgain } from './copies-agree.ts'
import { Steps } from './steps.ts'
import { Writers } from './writers.ts'

/*
 * `npm run jepsen -- --minutes 2 --seed 1` is the proof that copies on the hosts' own disks lose nothing: as `npm run
 * soak:cluster`, with pushes of each kind. In the end, all copies must be in sync again, and equal.
 */

/**
 * Whoever deletes a host's record while its lease lives tells the others that it is over. If the host cannot hear of that, it
 * answers reads by its lease for as long as that lasts. No copy can know better.
 */
const unfair = 'the record of a host is deleted, and it is cut off'

showSuppressed()
/** Why faults are left out here. */
const noDisk = await noDisks()
for (const why of [noDisk, noClocks]) if (why !== undefined) console.log(`Left out: ${why}.`)
const leftOut = [
  unfair,
  ...(noDisk === undefined ? [] : faultsOfDisks),
  ...(noClocks === undefined ? [] : faultsOfClocks),
]

const { values: options } = parseArgs({
  options: {
    'minutes': { type: 'string', default: '1' },
    'seed': { type: 'string', default: anySeed() },
    'hosts': { type: 'string', default: '3' },
    'copies': { type: 'string', default: '2' },
    /** Only faults whose names contain one of these, separated by commas. */
    'faults': { type: 'string', default: '' },
    /** How many go on at once. */
    'tracks': { type: 'string', default: '2' },
    /** Of hosts, in seconds. A machine that is busy with other work needs longer ones. */
    'lease': { type: 'string', default: '3' },
    /** For how long a host waits for a copy, in seconds: two thirds of a lease by default. */
    'copy-timeout': { type: 'string' },
    /** A folder for the logs of all members, and for the report as JSON. */
    'logs': { type: 'string' },
  },
})

if (noEtcd) {
  console.log(`Skipped: ${noEtcd}`)
  process.exit()
}
const ttl = Number(options.lease) * 1000
const hostWait = 2 * ttl
const copyTimeout = Math.round(1000 * Number(options['copy-timeout'] ?? (ttl * 2) / 3000))
/** After the last fault, for how long all must go well. */
const calmMs = 4000
const tellEveryMs = 60_000
const seed = Number(options.seed)
const copies = Number(options.copies)
const random = randomFrom(seed)
console.log(`The seed is ${options.seed}.`)

const logs = new MemberLogs(options.logs)
const leases = new LeasesInDoubt()
await using etcd = await startEtcd({ members: 3 })
await using clocks = noClocks === undefined ? await openClocks() : undefined
const cluster = await startCluster({
  etcd: etcd.env,
  hosts: Number(options.hosts),
  gateways: 2,
  storage: 'own',
  cuts: true,
  ...(clocks && { envOf: clocks.envOf }),
  mountDisk: noDisk === undefined ? mountDisk : undefined,
  takeLine: (member, line) => {
    clocks?.saw(Number(line['pid']))
    logs.take(member, line)
    leases.take(member, line)
  },
  env: {
    SLUICE_COPIES: options.copies,
    SLUICE_LEASE: `${ttl}ms`,
    SLUICE_COPY_TIMEOUT: `${copyTimeout}ms`,
    // A host that stands still for a while must not give up all workers that start.
    SLUICE_WORKER_START_TIMEOUT: `${40 * ttl}ms`,
    SLUICE_DRAIN_TIMEOUT: '5s',
    SLUICE_HOST_WAIT: `${hostWait}ms`,
    SLUICE_KILL_GRACE: '1s',
  },
})
await using parts = new AsyncDisposableStack()
const coordinator = parts.use(await openEtcd(etcd))
const clusterEnd = parts.use(cluster)
void clusterEnd
const ofCopies = { cluster, coordinator, copies }

const history = new History()
const over = new AbortController()
const following = new AbortController()
const watched = new Primaries(cluster, coordinator, history, over.signal)
const clients = new Clients(cluster, watched, history, random, over.signal)
const writers = new Writers(cluster, clients, watched, history)
const started = performance.now()
const say = sayWhen(started)
const repositories = ['one.git', 'two.git', 'again.git', repositoryOfOne] as const
const late = await inSyncAgain(ofCopies, repositories)
if (late.found.length > 0) {
  say(`The cluster has not come up: ${late.found.join('; ')}`)
  throw new Error('The cluster has not come up.')
}
say('all copies are in sync')
const ending = new AbortController()
const steps = new Steps(() => ending.abort())
const follows = steps.note('to follow etcd', watched.follow(repositories, following.signal))
const atWork = [
  clients.pushThroughGateways('one.git', 'refs/heads/main'),
  clients.pushThroughGateways('one.git', 'refs/heads/main'),
  clients.pushToPrimary('two.git', 'refs/heads/a'),
  // It waits for a host that is stopped.
  clients.pushToPrimary(repositoryOfOne, 'refs/heads/a', 8 * ttl),
  // The others wait for a host that is stopped, and push nothing to the one that takes its place.
  clients.pushThroughGateways('one.git', 'refs/heads/hasty', ttl / 2),
  clients.pushThroughGateways('two.git', 'refs/heads/hasty', ttl / 2),
  clients.create('new'),
  writers.force('two.git', 'refs/heads/forced'),
  writers.makeAndDelete('one.git', 'refs/heads/deleted'),
  writers.release('two.git', 'refs/heads/release'),
  writers.makeAndDeleteRepository('again.git'),
  clients.read(),
  clients.read(),
  clients.read(1),
  clients.read(1),
  ...repositories.flatMap((name) => [watched.look(name), watched.askHosts(name)]),
].map((work) => steps.note('the work of clients', work))
const nemesis = new Nemesis(
  { cluster, etcd, coordinator, history, primaries: () => watched.names, ttl, clocks },
  faultsNamed(options.faults).filter((name) => !leftOut.includes(name)),
)
setTimeout(() => ending.abort(), Number(options.minutes) * 60_000).unref()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort())
const telling = setInterval(() => say(inShort(history)), tellEveryMs).unref()
const tracks = tracksFrom(seed, Number(options.tracks))
await Promise.all([
  checkMeanwhile(history, ending, say),
  ...tracks.map((ofTrack) => steps.note('to end a fault', nemesis.run(ending.signal, ofTrack, say))),
])
clearInterval(telling)
await steps.note('to serve all again', cluster.ready())
say('nothing goes wrong any more')
const calmSince = await untilCalm(cluster, leases, calmMs)
over.abort()
await Promise.all(atWork)
history.isCalmSince(leases.were(calmSince.at, Date.now()) ? performance.now() : calmSince.now)
say('all is well again, and everybody has stopped')
const ofAllCopies = [
  await inSyncAgain(ofCopies, clients.repositories),
  await copiesDiffer(ofCopies, clients.repositories),
]
say('copies have been compared')
await steps.note('to read all once more', readAll(cluster, clients))
following.abort()
await follows
const settleMs = ((2 * ttl + hostWait) * patienceMs) / 60_000
const isExcused = (began: number, ended: number) =>
  leases.were(began, ended, settleMs) || (began < calmSince.at && nemesis.wasAtWork(began, ended, settleMs))
const roots = cluster.hosts.map(({ name }) => cluster.rootOf(name))
const after = await leftBehind({ cluster, roots, logs, isExcused })
await report({
  run: { ...options, seconds: Math.round((performance.now() - started) / 1000) },
  faults: nemesis.done,
  history,
  wrong: [...checkHistory(history), ...ofAllCopies, ...after, steps.found],
  folder: options.logs,
})

function inShort({ counts }: History): string {
  const megabytes = Math.round(process.memoryUsage().rss / 2 ** 20)
  const repositoryCount = clients.repositories.length
  return `${counts['pushes acknowledged']} pushes acknowledged, ${counts['reads']} reads, ${repositoryCount} repositories; ${megabytes} MiB here`
}
