import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Etcd } from '@sluice/shared/testing/etcd'
import { git, importHistory } from '@sluice/shared/testing/git'
import type { Row } from '../figures.ts'
import { BusyClients, limitedBySlots } from '../load/busy-clients.ts'
import { showProgress } from '../progress-line.ts'
import { startCopyingCluster, untilInSync } from './copying-cluster.ts'

const repository = 'storm.git'
const slots = 4
const warmUpSeconds = 4
const slow = fileURLToPath(new URL('takes-longer.sh', import.meta.url))

/**
 * Clones of one repository from many addresses, without a pause. Each host may run a few gits at once, and each of them sleeps
 * before it begins: so hosts are limited by their slots, and not by this machine, which they share with their clients. The
 * rest is real: git clones, the gateway chooses a copy for each address, and copies read by their leases.
 */
export async function cloneStorm(etcd: Etcd, seconds: number): Promise<Row[]> {
  const one = await rateOf(etcd, 1, seconds)
  const two = await rateOf(etcd, 2, seconds)
  return [
    {
      what: `clones a second of one repository, from one host and from two, with ${slots} slots each`,
      figure: `${one.toFixed(2)} and ${two.toFixed(2)}: ${(two / one).toFixed(2)} times`,
      target: 'at least 1.8 times',
    },
  ]
}

async function rateOf(etcd: Etcd, hosts: number, seconds: number): Promise<number> {
  const name = `storm-${hosts}`
  await using cluster = await startCopyingCluster(etcd, name, hosts, limitedBySlots(slow, slots))
  await untilInSync(etcd, name, hosts, repository)
  const work = join(cluster.folder, 'work')
  await mkdir(work)
  await git(work, ['init', '--quiet'])
  await importHistory(work, 20)
  const url = `${cluster.url}/${repository}`
  await git(work, ['push', '--quiet', url, 'main'])
  await using clients = new BusyClients(4 * slots * hosts, async (from, client) => {
    const folder = join(cluster.folder, `clone-${client}`)
    const header = `http.extraHeader=X-Forwarded-For: ${from}`
    await git(cluster.folder, ['-c', header, 'clone', '--quiet', '--bare', url, folder])
    await rm(folder, { recursive: true })
  })
  showProgress(`a storm of clones: ${hosts} ${hosts === 1 ? 'host' : 'hosts'}`)
  await clients.rateFor(warmUpSeconds)
  return await clients.rateFor(seconds)
}
