import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import { clusterKeys } from '@sluice/shared/placement/keys'
import { slotOf } from '@sluice/shared/placement/slot'
import { readSlotRecord } from '@sluice/shared/placement/slot-record'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import type { Cluster } from '@sluice/shared/testing/cluster'
import { tryGit } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import type { Found } from '../history/checks/left-behind.ts'

const keys = clusterKeys('/sluice/')

export type CopiesParts = {
  readonly cluster: Cluster
  readonly coordinator: Coordinator
  /** How many hosts keep each repository. */
  readonly copies: number
}

/** Waits until all slots of these repositories have enough copies, and all of them in sync. @returns those that do not within a minute */
export async function inSyncAgain(parts: CopiesParts, repositories: readonly string[]): Promise<Found> {
  let missing: string[] = []
  await until('all copies to be in sync', async () => {
    const slots = new Set(repositories.map(slotOf))
    missing = (await Promise.all([...slots].map((slot) => behind(parts, slot)))).flat()
    return missing.length === 0
  }).catch(() => {})
  return { what: 'slots whose copies are not in sync again', found: missing }
}

/** On the disks of all hosts: copies in sync are equal, and whoever is no copy has nothing. */
export async function copiesDiffer(parts: CopiesParts, repositories: readonly string[]): Promise<Found> {
  let different = new Map<string, readonly string[]>(repositories.map((repository) => [repository, []]))
  // A new primary brings its copies up to date in the background.
  await until('all copies to be equal', async () => {
    const found = new Map<string, readonly string[]>()
    for (const repository of different.keys()) found.set(repository, await differences(parts, repository))
    different = new Map([...found].filter(([, ofOne]) => ofOne.length > 0))
    return different.size === 0
  }).catch(() => {})
  return {
    what: 'copies in sync that differ, and repositories that nobody keeps',
    found: [...different.values()].flat(),
  }
}

async function behind({ cluster, coordinator, copies }: CopiesParts, slot: number): Promise<string[]> {
  const record = await recordOf(coordinator, slot)
  const wanted = Math.min(copies, cluster.hosts.length)
  // One more stays for as long as the balancer does not trust a host that has come and gone, which may be minutes.
  const isWhole = record && record.inSync.length >= wanted && record.inSync.length === record.copies.length
  return isWhole ? [] : [`slot ${slot}: ${JSON.stringify(record)}`]
}

async function differences({ cluster, coordinator }: CopiesParts, repository: string): Promise<string[]> {
  const record = await recordOf(coordinator, slotOf(repository))
  if (!record) return [`${repository}: its slot has no record, or etcd does not say`]
  const { primary, copies, inSync } = record
  const states = new Map<string, string>()
  for (const { name } of cluster.hosts) states.set(name, await stateOf(join(cluster.rootOf(name), repository)))
  const of = primary === undefined ? absent : states.get(primary)!
  const others = inSync.filter((host) => states.get(host) !== of)
  const idle = [...states].filter(([host, state]) => !copies.includes(host) && state !== absent)
  return [
    ...others.map((host) => `${repository}: ${primary} has ${of}; ${host} has ${states.get(host)}`),
    ...idle.map(([host]) => `${repository}: ${host} has it, and is no copy (${copies.join()} are)`),
  ]
}

/** Undefined where there is none, or where etcd does not say: whoever waits asks again. */
async function recordOf(coordinator: Coordinator, slot: number): Promise<SlotRecord | undefined> {
  const [entry] = (await coordinator.read(keys.slot(slot)).catch(() => ({ entries: [] }))).entries
  return entry && readSlotRecord(entry.value, entry.revision)
}

const absent = 'nothing'

/** All references, HEAD, configuration and description, in words. */
async function stateOf(gitDir: string): Promise<string> {
  if (!existsSync(gitDir)) return absent
  const format = '--format=%(refname) %(objectname) %(symref)'
  const refs = await tryGit(gitDir, ['for-each-ref', format])
  const head = await tryGit(gitDir, ['symbolic-ref', 'HEAD'])
  const texts = ['config', 'description'].map((name) => readFile(join(gitDir, name), 'utf8').catch(() => ''))
  return [refs.stdout + refs.stderr, head.stdout + head.stderr, ...(await Promise.all(texts))].join('\n')
}
