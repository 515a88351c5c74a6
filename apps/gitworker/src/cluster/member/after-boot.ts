import { setTimeout as pause } from 'node:timers/promises'
import { ConfigError } from '@sluice/shared/config/config-error'
import { keep } from '@sluice/shared/coordinator/coordinator'
import type { Logger } from '@sluice/shared/telemetry/log'
import { leaveInSync, slotsInSync } from './in-sync-slots.ts'
import type { InSyncServices } from './in-sync-slots.ts'

/*
 * A host whose machine has lost its power may lack what it had acknowledged as a copy right before: with SLUICE_FSYNC=off, and on
 * disks and file systems that do not keep their word. The others have it:
 *
 *   this machine has started anew since this host was a member
 *     ── the primary lives ──▶ this host is taken out of those in sync, and catches up
 *     ── the primary is this host, or is away, and others in sync live ──▶ the balancer chooses one of them: wait
 *     ── no other in sync lives ──▶ nobody has more than this host
 */

/** Each look reads all slots, and all hosts may have started anew at once. */
const lookEveryMs = 250

export type AfterBootServices = InSyncServices & {
  /** Of a lease, in milliseconds. */
  readonly ttl: number
  readonly log: Logger
}

/**
 * To be called before this host joins.
 *
 * @throws {ConfigError} where the cluster has not made another host primary in time; {CoordinatorError}
 */
export async function leaveAfterBoot(services: AfterBootServices): Promise<void> {
  const { name, ttl, log } = services
  // The lease of this host's last process must be over first.
  const until = performance.now() + ttl * 3 + 10_000
  let left = 0
  for (;;) {
    const living = await livingHosts(services)
    const others = (await slotsInSync(services)).filter(({ record }) =>
      record.inSync.some((host) => host !== name && living.has(host)),
    )
    if (others.length === 0) break
    for (const [primary, slots] of Map.groupBy(others, ({ record }) => record.primary)) {
      const revision = primary === undefined || primary === name ? undefined : living.get(primary)
      if (primary === undefined || revision === undefined) continue
      // A primary that has died meanwhile may need this host.
      left += await leaveInSync(services, slots, { key: services.keys.host(primary), expected: revision, value: keep })
    }
    if (performance.now() > until) throw isStillPrimary(name, others.length)
    await pause(lookEveryMs)
  }
  if (left > 0) log.warn({ slots: left }, 'this machine has started anew: this host is in sync no more, and catches up')
}

/** The revisions of their records, by name. */
async function livingHosts({ coordinator, keys }: AfterBootServices): Promise<ReadonlyMap<string, number>> {
  const { entries } = await coordinator.read(keys.hosts)
  return new Map(entries.map(({ key, revision }) => [key.slice(keys.hosts.length), revision]))
}

function isStillPrimary(name: string, slots: number): ConfigError {
  const problem = `SLUICE_HOST_NAME=${name}: this machine has started anew, so this host may lack what it has acknowledged before. Other hosts have it, and the cluster has not made one of them primary of ${slots} slots yet. Does a host balance? See /-/cluster.`
  return new ConfigError([problem], { mayHeal: true })
}
