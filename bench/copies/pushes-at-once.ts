import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Etcd } from '@sluice/shared/testing/etcd'
import { git, importHistory } from '@sluice/shared/testing/git'
import { median } from '../load/statistics.ts'
import { showProgress } from '../progress-line.ts'
import { metricOf, startCopyingCluster, untilInSync } from './copying-cluster.ts'
import type { Row } from '../figures.ts'

const repository = 'busy.git'
const rounds = 3

/** Pushes to branches of one repository, all begun at once: how often its copy was told something, and what it did then. */
export async function pushesAtOnce(etcd: Etcd, count: number): Promise<Row[]> {
  const slots = { SLUICE_PUSH_SLOTS: String(count), SLUICE_LARGEST_SHARE: '100%' }
  await using cluster = await startCopyingCluster(etcd, 'at-once', 2, slots)
  await untilInSync(etcd, 'at-once', 2, repository)
  const work = join(cluster.folder, 'work')
  await mkdir(work)
  await git(work, ['init', '--quiet'])
  await importHistory(work, 1 + rounds * count)
  const [first, ...commits] = (await git(work, ['rev-list', '--reverse', 'main'])).split('\n')
  const push = (commit: string, branch: string) =>
    git(work, ['push', '--quiet', `${cluster.url}/${repository}`, `${commit}:refs/heads/${branch}`])
  await push(first!, 'main')
  await push(first!, 'topic')
  const told: number[] = []
  const fetched: number[] = []
  const milliseconds: number[] = []
  for (let round = 0; round < rounds; round++) {
    showProgress(`pushes at once ${round + 1}/${rounds}`)
    const [toldBefore, fetchedBefore] = [await metricOf(cluster, followed), await metricOf(cluster, followed, 'fetch')]
    const begin = performance.now()
    const mine = commits.slice(round * count, (round + 1) * count)
    await Promise.all(mine.map((commit, index) => push(commit, `b${index}`)))
    milliseconds.push(performance.now() - begin)
    told.push((await metricOf(cluster, followed)) - toldBefore)
    fetched.push((await metricOf(cluster, followed, 'fetch')) - fetchedBefore)
  }
  const took = `${(median(milliseconds) / count).toFixed(0)} ms for each push`
  return [
    {
      what: `${count} pushes at once to one repository: what its copy was told, median of ${rounds}`,
      figure: `${median(told)} states (${told.join(', ')}), ${median(fetched)} of them fetched; ${took}`,
      target: `far fewer than ${count}`,
    },
  ]
}

const followed = 'sluice_cluster_followed_states_total'
