import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { ConfigError } from '@sluice/shared/config/config-error'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import { leaveAfterBoot } from './after-boot.ts'
import type { AfterBootServices } from './after-boot.ts'
import { identityFile, readBoot, readIdentity, writeBoot, writeIdentity } from './disk-identity.ts'
import { leaveInSync, slotsInSync } from './in-sync-slots.ts'

/*
 * Makes sure, before a host joins its cluster, that the repositories on its disk are those that the cluster means:
 *
 *   the disk knows a cluster ── it is another one, or etcd knows none ──▶ refused
 *     ── the machine has started anew since then ──▶ after-boot
 *   the disk knows none: a new host, a new disk, one that was restored, or one that is not mounted
 *     ── etcd says that this host alone has all of a slot, and the disk is empty ──▶ refused
 *     ── etcd says that it is in sync with others ──▶ it is taken out, and catches up
 *     ──▶ it belongs to this cluster from now on
 */

export type DiskClaimServices = AfterBootServices & {
  /** Tells one start of this machine from the others. */
  readonly boot: string
}

export type Disk = {
  readonly root: string
  /** Whether there is no repository on it. */
  isEmpty(): Promise<boolean>
}

/**
 * @throws {ConfigError} where the disk is not that of a member of this cluster
 * @throws {CoordinatorError}; the file system's error
 */
export async function claimDisk(services: DiskClaimServices, disk: Disk): Promise<void> {
  const { coordinator, keys, log, boot } = services
  const known = await readIdentity(disk.root)
  const found = await valueOf(coordinator, keys.id)
  if (known !== undefined) {
    if (known !== found) throw ofAnother(keys, disk, known, found)
    if ((await readBoot(disk.root)) === boot) return
    await leaveAfterBoot(services)
    return await writeBoot(disk.root, boot)
  }
  if (found !== undefined) await settleNewDisk(services, disk, found)
  await writeBoot(disk.root, boot)
  const id = found ?? (await begin(services))
  await writeIdentity(disk.root, id)
  log.info({ cluster: id, root: disk.root }, 'the repositories of this host belong to the cluster from now on')
}

/** @returns the cluster's identity, which this host or another one has just made */
async function begin({ coordinator, keys }: DiskClaimServices): Promise<string> {
  const id = randomBytes(16).toString('hex')
  const { isDone } = await coordinator.swap([{ key: keys.id, expected: 0, value: id }])
  return isDone ? id : ((await valueOf(coordinator, keys.id)) ?? id)
}

async function valueOf(coordinator: Coordinator, key: string): Promise<string | undefined> {
  return (await coordinator.read(key)).entries.find((entry) => entry.key === key)?.value
}

async function settleNewDisk(services: DiskClaimServices, disk: Disk, id: string): Promise<void> {
  const { ttl, name } = services
  // The balancer makes others primary of what this host had, as soon as the lease of its last process is over.
  const until = performance.now() + ttl * 3 + 10_000
  for (;;) {
    const mine = await slotsInSync(services)
    const alone = mine.filter(({ record }) => record.inSync.length === 1)
    if (alone.length > 0 && (await disk.isEmpty())) throw isAlone(name, disk, id, alone.length)
    const withOthers = mine.filter(({ record }) => record.inSync.length > 1)
    const isPrimary = withOthers.some(({ record }) => record.primary === name)
    if (!isPrimary) {
      const left = await leaveInSync(services, withOthers)
      if (left > 0)
        services.log.warn({ slots: left }, 'this host has a new disk: it is in sync no more, and catches up')
      if (left === withOthers.length) return
    }
    if (performance.now() > until) throw isStillPrimary(name, disk)
    await pause(200)
  }
}

/** @param id what etcd knows; undefined: nothing */
function ofAnother(keys: ClusterKeys, { root }: Disk, known: string, id: string | undefined): ConfigError {
  const found = id === undefined ? `etcd has none (${keys.id})` : `that of ${keys.id} in etcd is ${id}`
  return new ConfigError([
    `SLUICE_ROOT=${root}: its repositories belong to the cluster ${known}, and ${found}. ` +
      'If SLUICE_ETCD or SLUICE_ETCD_PREFIX names the wrong cluster, correct it. If etcd has lost its data, restore its ' +
      `snapshot; if it has lost this key only: etcdctl put ${keys.id} ${known}. If this host is to belong to the other cluster, move ${identityFile(root)} and what is beside it away.`,
  ])
}

function isAlone(name: string, { root }: Disk, id: string, slots: number): ConfigError {
  const problem =
    `SLUICE_ROOT=${root} is empty, and etcd says that this host, ${name}, is the only one that has all of ${slots} slots. ` +
    'Mount its disk, or restore its backup. If nothing was ever pushed, or it is lost, let the host begin with what is ' +
    `there: mkdir -p ${root}/.sluice-copies.lock && echo ${id} > ${identityFile(root)}`
  return new ConfigError([problem], { mayHeal: true })
}

function isStillPrimary(name: string, { root }: Disk): ConfigError {
  const problem = `SLUICE_ROOT=${root} is a new disk, and the cluster has not made another host primary of the slots of ${name}. Is another host running? If this is the wrong disk, mount the right one.`
  return new ConfigError([problem], { mayHeal: true })
}
