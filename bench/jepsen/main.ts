import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startCluster } from '@sluice/shared/testing/cluster'
import type { Cluster } from '@sluice/shared/testing/cluster'
import { noEtcd, startEtcd } from '@sluice/shared/testing/etcd'
import { until } from '@sluice/shared/testing/until'
import { checkHistory } from '../history/checks/check-history.ts'
import { Clients, serverOf } from '../history/clients.ts'
import { faultNames } from '../history/faults/faults.ts'
import { History } from '../history/history.ts'
import { leftBehind } from '../history/checks/left-behind.ts'
import { Nemesis } from '../history/faults/nemesis.ts'
import { openEtcd } from '../history/open-etcd.ts'
import { Primaries } from '../history/primaries.ts'
import { randomFrom } from '../history/random.ts'
import { report } from '../history/report.ts'
import { showSuppressed } from '../history/show-suppressed.ts'
import { copiesDiffer, inSyncAgain } from './copies-agree.ts'
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
const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    hosts: { type: 'string', default: '3' },
    copies: { type: 'string', default: '2' },
    /** Faults whose names contain this only. */
    faults: { type: 'string', default: '' },
    /** How many go on at once. */
    tracks: { type: 'string', default: '2' },
    /** A folder for the logs of all members. */
    logs: { type: 'string' },
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
/** Whatever is wrong ends the run. */
const lookEveryMs = 5000
const seed = Number(options.seed)
const copies = Number(options.copies)
const random = randomFrom(seed)
console.log(`The seed is ${options.seed}.`)

await using etcd = await startEtcd({ members: 3 })
const cluster = await startCluster({
  etcd: etcd.env,
  hosts: Number(options.hosts),
  gateways: 2,
  storage: 'own',
  cuts: true,
  env: {
    SLUICE_COPIES: options.copies,
    SLUICE_LEASE: `${ttl}ms`,
    SLUICE_COPY_TIMEOUT: '2s',
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
const say = (line: string) =>
  console.error(`${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s  ${line}`)
const repositories = ['one.git', 'two.git', 'again.git'] as const
const late = await inSyncAgain(ofCopies, repositories)
if (late.found.length > 0) throw new Error(`The cluster has not come up: ${late.found.join('; ')}`)
say('all copies are in sync')
const follows = watched.follow(repositories, following.signal)
const atWork = [
  clients.pushThroughGateways('one.git', 'refs/heads/main'),
  clients.pushThroughGateways('one.git', 'refs/heads/main'),
  clients.pushToPrimary('two.git', 'refs/heads/a'),
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
]
const nemesis = new Nemesis(
  { cluster, etcd, coordinator, history, primaries: () => watched.names, ttl },
  faultNames.filter((name) => name.includes(options.faults) && name !== unfair),
)
const ending = new AbortController()
setTimeout(() => ending.abort(), Number(options.minutes) * 60_000).unref()
const looking = setInterval(() => {
  const wrong = checkHistory(history).filter(({ found }) => found.length > 0)
  if (wrong.length === 0 || ending.signal.aborted) return
  for (const { what, found } of wrong) say(`${what}: ${found[0]}`)
  ending.abort()
}, lookEveryMs)
const tracks = Array.from({ length: Number(options.tracks) }, (_, track) => randomFrom(seed + track + 1))
await Promise.all(tracks.map((ofTrack) => nemesis.run(ending.signal, ofTrack, say)))
clearInterval(looking)
await cluster.ready()
const calmSince = { at: Date.now(), now: performance.now() }
history.isCalmSince(calmSince.now)
say('nothing goes wrong any more')
await pause(calmMs)
over.abort()
await Promise.all(atWork)
say('all is well again, and everybody has stopped')
const ofAllCopies = [
  await inSyncAgain(ofCopies, clients.repositories),
  await copiesDiffer(ofCopies, clients.repositories),
]
await readAll(cluster)
following.abort()
await follows
const isExcused = (began: number, ended: number) =>
  began < calmSince.at && nemesis.wasAtWork(began, ended, 2 * ttl + hostWait)
const roots = cluster.hosts.map(({ name }) => cluster.rootOf(name))
const after = await leftBehind({ cluster, roots, isExcused })
if (options.logs !== undefined) await keepLogs(options.logs, cluster)
report({
  faults: nemesis.done,
  history,
  wrong: [...checkHistory(history), ...ofAllCopies, ...after],
  seed: options.seed,
})

/** In the end, each repository is read once more, by each gateway. */
async function readAll({ gateways }: Cluster): Promise<void> {
  for (const repository of clients.repositories) {
    for (const gateway of gateways)
      await until(repository, () => clients.readRepository(repository, serverOf(gateway), true))
  }
}

async function keepLogs(folder: string, { hosts, gateways }: Cluster): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const { name, app } of [...hosts, ...gateways]) {
    await writeFile(join(folder, `${name}.log`), app.lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  }
}
