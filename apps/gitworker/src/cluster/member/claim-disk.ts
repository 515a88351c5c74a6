import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { ConfigError } from '@sluice/shared/config/config-error'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import { leaveAfterBoot } from './after-boot.ts'
import type { AfterBootServices } from './after-boot.ts'
import { identityFile, newestTermOn, readBoot, readIdentity, writeBoot, writeIdentity } from './disk-identity.ts'
import { leaveInSync, slotsInSync } from './in-sync-slots.ts'
import type { InSyncServices, InSyncSlot } from './in-sync-slots.ts'

/*
 * Makes sure, before a host joins its cluster, that the repositories on its disk are those that the cluster means:
 *
 *   the disk knows a cluster ── it is another one, or etcd knows none ──▶ refused
 *     ── it knows a later time of this one than etcd does ──▶ refused: etcd was restored from an older snapshot
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
  const { log, boot } = services
  const found = await checkDisk(services, disk)
  if (found.isKnown) {
    if ((await readBoot(disk.root)) === boot) return
    await leaveAfterBoot(services)
    return await writeBoot(disk.root, boot)
  }
  if (found.id !== undefined) await settleNewDisk(services, disk, found.id)
  await writeBoot(disk.root, boot)
  const id = found.id ?? (await begin(services))
  await writeIdentity(disk.root, id)
  log.info({ cluster: id, root: disk.root }, 'the repositories of this host belong to the cluster from now on')
}

/**
 * Whether a host with this disk could join. Changes nothing.
 *
 * @throws {ConfigError} where it could not; {CoordinatorError}; the file system's error
 */
export async function checkClaim(services: InSyncServices, disk: Disk): Promise<void> {
  const { id, isKnown } = await checkDisk(services, disk)
  if (!isKnown && id !== undefined) await checkNotAlone(services, disk, id)
}

/** @returns the slots of which etcd says that this host is in sync @throws {ConfigError} where its empty disk is all that has some */
async function checkNotAlone(services: InSyncServices, disk: Disk, id: string): Promise<InSyncSlot[]> {
  const mine = await slotsInSync(services)
  const alone = mine.filter(({ record }) => record.inSync.length === 1)
  if (alone.length > 0 && (await disk.isEmpty())) throw isAlone(services.name, disk, id, alone.length)
  return mine
}

/**
 * Whether the disk may belong to the cluster. Changes nothing.
 *
 * @returns the cluster's identity, if it has one, and whether the disk remembers it
 * @throws {ConfigError} where it is the disk of another cluster, or knows a later time of this one
 */
async function checkDisk(
  { coordinator, keys }: Pick<DiskClaimServices, 'coordinator' | 'keys'>,
  { root }: Pick<Disk, 'root'>,
): Promise<{ readonly id: string | undefined; readonly isKnown: boolean }> {
  const known = await readIdentity(root)
  const newest = await newestTermOn(root)
  const { entries, revision } = await coordinator.read(keys.id)
  const id = entries.find(({ key }) => key === keys.id)?.value
  if (known === undefined) return { id, isKnown: false }
  if (known !== id) throw ofAnother(keys, root, known, id)
  if (newest > revision) throw isOlder(root, newest, revision)
  return { id, isKnown: true }
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
    const mine = await checkNotAlone(services, disk, id)
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
function ofAnother(keys: ClusterKeys, root: string, known: string, id: string | undefined): ConfigError {
  const found = id === undefined ? `etcd has none (${keys.id})` : `that of ${keys.id} in etcd is ${id}`
  return new ConfigError([
    `SLUICE_ROOT=${root}: its repositories belong to the cluster ${known}, and ${found}. ` +
      'If SLUICE_ETCD or SLUICE_ETCD_PREFIX names the wrong cluster, correct it. If etcd has lost its data, restore its ' +
      `snapshot; if it has lost this key only: etcdctl put ${keys.id} ${known}. If this host is to belong to the other cluster, move ${identityFile(root)} and what is beside it away.`,
  ])
}

function isOlder(root: string, newest: number, revision: number): ConfigError {
  return new ConfigError([
    `SLUICE_ROOT=${root}: this disk knows revision ${newest} of its cluster, and etcd is at ${revision}. It was restored from an older ` +
      'snapshot, and its revisions have gone back. Restore it so that they do not (--bump-revision), or make this host forget: ' +
      'see "Restore the table" in docs/operate/cluster.md',
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
