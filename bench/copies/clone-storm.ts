import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Etcd } from '@sluice/shared/testing/etcd'
import { git, importHistory } from '@sluice/shared/testing/git'
import { showProgress } from '../progress-line.ts'
import { startCopyingCluster, untilInSync } from './copying-cluster.ts'
import type { Row } from '../figures.ts'

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
  await using cluster = await startCopyingCluster(etcd, name, hosts, {
    SLUICE_GIT: slow,
    SLUICE_FETCH_SLOTS: String(slots),
    SLUICE_LARGEST_SHARE: '100%',
    SLUICE_QUEUE_LENGTH: '1000',
    SLUICE_REFERENCE_CACHE: 'off',
    SLUICE_PACK_CACHE: 'off',
    SLUICE_TRUSTED_PROXIES: '127.0.0.1',
  })
  await untilInSync(etcd, name, hosts, repository)
  const work = join(cluster.folder, 'work')
  await mkdir(work)
  await git(work, ['init', '--quiet'])
  await importHistory(work, 20)
  const url = `${cluster.url}/${repository}`
  await git(work, ['push', '--quiet', url, 'main'])
  let done = 0
  const over = new AbortController()
  // More than there are slots, so that chance leaves no host without work.
  const clients = Array.from({ length: 4 * slots * hosts }, async (_, client) => {
    for (let turn = 0; !over.signal.aborted; turn++) {
      const folder = join(cluster.folder, `clone-${client}`)
      // Each clone comes from a client of its own.
      const from = `http.extraHeader=X-Forwarded-For: 10.${client % 250}.${turn % 250}.${(client + turn) % 250}`
      await git(cluster.folder, ['-c', from, 'clone', '--quiet', '--bare', url, folder])
      await rm(folder, { recursive: true })
      done++
    }
  })
  const all = Promise.all(clients)
  showProgress(`a storm of clones: ${hosts} ${hosts === 1 ? 'host' : 'hosts'}`)
  await Promise.race([pass(warmUpSeconds), all])
  const [doneBefore, begin] = [done, performance.now()]
  await Promise.race([pass(seconds), all])
  const rate = ((done - doneBefore) * 1000) / (performance.now() - begin)
  over.abort()
  await all
  return rate
}

function pass(forSeconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, forSeconds * 1000))
}
