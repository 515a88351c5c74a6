import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cluster } from '@sluice/shared/testing/cluster'
import type { Etcd } from '@sluice/shared/testing/etcd'
import { git, importHistory } from '@sluice/shared/testing/git'
import { quantile } from '../load/statistics.ts'
import { cpuTimeOf, treeOf } from '../peers/processes.ts'
import { showProgress } from '../progress-line.ts'
import { startCopyingCluster, untilInSync } from './copying-cluster.ts'
import type { Row } from '../figures.ts'

const repository = 'small.git'
const warmUps = 10

/** One of the two clusters, and what its pushes have taken. */
type Side = {
  readonly cluster: Cluster
  readonly milliseconds: number[]
  /** By process, in milliseconds, of all pushes together. */
  readonly cpu: Map<string, number>
}

/**
 * Small pushes, one at a time, in turns to one host and to two, so that both see the same machine. A push is a commit with one
 * changed file; its time is that of `git push`, its client included.
 */
export async function pushCost(etcd: Etcd, pushes: number): Promise<Row[]> {
  await using started = new AsyncDisposableStack()
  const sides: Side[] = []
  for (const hosts of [1, 2]) {
    const name = `push-${hosts}`
    const cluster = started.use(await startCopyingCluster(etcd, name, hosts))
    await untilInSync(etcd, name, hosts, repository)
    sides.push({ cluster, milliseconds: [], cpu: new Map() })
  }
  const work = join(sides[0]!.cluster.folder, 'work')
  const commits = await commitsIn(work, warmUps + pushes)
  for (const [index, commit] of commits.entries()) {
    if (index % 10 === 0) showProgress(`pushes in turns ${index}/${commits.length}`)
    const order = index % 2 === 0 ? sides : sides.toReversed()
    for (const side of order) await pushTo(side, work, commit, index >= warmUps, etcd)
  }
  return rowsOf(sides[0]!, sides[1]!)
}

async function commitsIn(work: string, count: number): Promise<string[]> {
  await mkdir(work)
  await git(work, ['init', '--quiet'])
  await importHistory(work, count)
  return (await git(work, ['rev-list', '--reverse', 'main'])).split('\n')
}

async function pushTo(side: Side, work: string, commit: string, counts: boolean, etcd: Etcd): Promise<void> {
  const before = cpuOf(side.cluster, etcd)
  const begin = performance.now()
  await git(work, ['push', '--quiet', `${side.cluster.url}/${repository}`, `${commit}:refs/heads/main`])
  const taken = performance.now() - begin
  // What comes after the answer belongs to the push, too: processes that end, and those that are started in their place.
  await new Promise((resolve) => setTimeout(resolve, 100))
  if (!counts) return
  side.milliseconds.push(taken)
  for (const [name, milliseconds] of cpuOf(side.cluster, etcd)) {
    side.cpu.set(name, (side.cpu.get(name) ?? 0) + milliseconds - (before.get(name) ?? 0))
  }
}

/** Of each process of a cluster. The launcher's children are workers, and git. */
function cpuOf({ gateways, hosts }: Cluster, etcd: Etcd): Map<string, number> {
  const pids = hosts.map(({ app }) => app.pid)
  const launchers = treeOf(pids).filter(({ parent, name }) => pids.includes(parent) && name === 'sluice-launcher')
  const workers = cpuTimeOf(launchers.map(({ pid }) => pid))
  return new Map([
    ['gateway', cpuTimeOf(gateways.map(({ app }) => app.pid)).own],
    ['supervisors', cpuTimeOf(pids).own],
    ['launchers, workers and git', workers.own + workers.children],
    ['etcd', cpuTimeOf(etcd.members.map(({ pid }) => pid)).own],
  ])
}

function rowsOf(one: Side, two: Side): Row[] {
  const rows: Row[] = []
  for (const [what, share, target] of [
    ['the median', 0.5, 'at most 1.6 times'],
    ['the 10th percentile', 0.1, '–'],
    ['the 90th percentile', 0.9, '–'],
  ] as const) {
    const [single, double] = [quantile(one.milliseconds, share), quantile(two.milliseconds, share)]
    const figure = `${single.toFixed(0)} and ${double.toFixed(0)} ms: ${(double / single).toFixed(2)} times`
    rows.push({ what: `a small push to one host, and to two, ${what}`, figure, target })
  }
  const pairs = one.milliseconds.map((milliseconds, index) => two.milliseconds[index]! / milliseconds)
  rows.push({ what: 'the median of all pairs', figure: `${quantile(pairs, 0.5).toFixed(2)} times`, target: '–' })
  for (const [name, single] of one.cpu) {
    const [first, second] = [single, two.cpu.get(name)!].map((all) => (all / one.milliseconds.length).toFixed(1))
    rows.push({
      what: `CPU of such a push, with 100 ms after it: ${name}`,
      figure: `${first} and ${second} ms`,
      target: '–',
    })
  }
  return rows
}
