import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { slotOf } from '@sluice/shared/placement/slot'
import { startCluster } from '@sluice/shared/testing/cluster'
import { noEtcd, startEtcd } from '@sluice/shared/testing/etcd'
import type { Etcd } from '@sluice/shared/testing/etcd'
import { git } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import { printFigures } from './figures.ts'
import type { Row } from './figures.ts'
import { BusyClients, limitedBySlots, pass } from './load/busy-clients.ts'

/*
 * How requests through one gateway grow with the number of hosts. A program that sleeps stands in for git, so that hosts are
 * limited by their slots, and not by this machine. Also what a look-up costs, and what etcd is asked meanwhile.
 */

const { values: options } = parseArgs({
  options: { seconds: { type: 'string', default: '10' }, slots: { type: 'string', default: '4' } },
})
const seconds = Number(options.seconds)
const slots = Number(options.slots)
const slow = fileURLToPath(new URL('takes-half-a-second.sh', import.meta.url))
const repositories = 64
const warmUpSeconds = 2

if (noEtcd) {
  console.log(`Skipped: ${noEtcd}`)
  process.exit()
}

await using etcd = await startEtcd()
const rows: Row[] = [lookUp()]
let first: number | undefined
for (const hosts of [1, 2, 4]) {
  const { perHost, asked, askedIdle } = await rateWith(hosts)
  const ofFirst = perHost / (first ??= perHost)
  rows.push(
    {
      what: `requests a second and host, ${hosts} ${hosts === 1 ? 'host' : 'hosts'}`,
      figure: `${perHost.toFixed(2)} (${ofFirst.toFixed(3)} of the first)`,
      target: hosts === 1 ? '–' : 'at least 0.95 of the first',
    },
    {
      what: 'what etcd was asked or told a second meanwhile, and while nothing was going on',
      figure: `${asked.toFixed(1)}, ${askedIdle.toFixed(1)}`,
      target: 'the same',
    },
  )
}
printFigures('a cluster', rows)

/** From a repository's name to its slot, which is what a gateway does for each request before it looks into an array. */
function lookUp(): Row {
  const count = 200_000
  const names = Array.from({ length: 1000 }, (_, index) => `team-${index}/project-${index}.git`)
  const table = Array.from({ length: 4096 }, (_, slot) => ({ slot }))
  let sum = 0
  const begin = performance.now()
  for (let index = 0; index < count; index++) sum += table[slotOf(names[index % names.length]!)]!.slot
  const microseconds = ((performance.now() - begin) * 1000) / count
  if (sum === 0) throw new Error('Nothing was looked up.')
  return { what: 'a look-up', figure: `${microseconds.toFixed(2)} µs`, target: 'below 5 µs' }
}

async function rateWith(hosts: number): Promise<{ perHost: number; asked: number; askedIdle: number }> {
  await using cluster = await startCluster({
    etcd: { ...etcd.env, SLUICE_ETCD_PREFIX: `/hosts-${hosts}/` },
    hosts,
    env: limitedBySlots(slow, slots),
  })
  for (let index = 0; index < repositories; index++) {
    await git(cluster.folder, ['init', '--quiet', '--bare', join(cluster.rootOf('host-1'), `r${index}.git`)])
  }
  const gateway = cluster.gateways[0]!.app.address
  const askedIdle = await askedWithin(etcd, pass(seconds))
  await using clients = new BusyClients(12 * slots * hosts, async (from, client, turn) => {
    const path = `/r${(client + turn * 7) % repositories}.git/info/refs?service=git-upload-pack`
    const { status } = await ask(gateway, path, { headers: { 'X-Forwarded-For': from } })
    if (status !== 200) throw new Error(`A request got ${status}.`)
  })
  await clients.rateFor(warmUpSeconds)
  const rate = clients.rateFor(seconds)
  const asked = await askedWithin(etcd, rate)
  return { perHost: (await rate) / hosts, asked, askedIdle }
}

/** Leases aside, per second. */
async function askedWithin(one: Etcd, time: Promise<unknown>): Promise<number> {
  const begin = performance.now()
  const before = await askedOf(one)
  await time
  return (((await askedOf(one)) - before) * 1000) / (performance.now() - begin)
}

/** Reads and writes that etcd has been asked for, by its own count. */
async function askedOf({ members }: Etcd): Promise<number> {
  const { body } = await ask(new URL(members[0]!.endpoint).host, '/metrics')
  const counts = body.matchAll(/^grpc_server_started_total\{grpc_method="(?:Range|Txn|Put|DeleteRange)".*\} (\d+)$/gm)
  return counts.reduce((sum, [, count]) => sum + Number(count), 0)
}
