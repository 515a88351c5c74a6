import { slotCount } from './slot.ts'

/*
 * The keys of a cluster below its prefix (SLUICE_ETCD_PREFIX):
 *
 *   format            what all must agree on: see format.ts
 *   id                the cluster's identity, random. The disks of hosts remember it
 *   hosts/<name>      a host that lives, on its lease: see host-record.ts
 *   slots/<number>    who keeps a slot: see slot-record.ts. Four digits of decimal
 *   balancer          the name of the host that balances, on its lease
 */

export type ClusterKeys = {
  /** What all of them begin with. */
  readonly prefix: string
  readonly format: string
  readonly id: string
  readonly hosts: string
  readonly slots: string
  readonly balancer: string
  host(name: string): string
  slot(slot: number): string
}

/** @param prefix such as `/sluice/`, with a slash at its end */
export function clusterKeys(prefix: string): ClusterKeys {
  return {
    prefix,
    format: `${prefix}format`,
    id: `${prefix}id`,
    hosts: `${prefix}hosts/`,
    slots: `${prefix}slots/`,
    balancer: `${prefix}balancer`,
    host: (name) => `${prefix}hosts/${name}`,
    slot: (slot) => `${prefix}slots/${String(slot).padStart(4, '0')}`,
  }
}

/** The slot that a key is about. Undefined where it is about none. */
export function slotOfKey(keys: ClusterKeys, key: string): number | undefined {
  const digits = key.startsWith(keys.slots) ? /^\d{4}$/.exec(key.slice(keys.slots.length))?.[0] : undefined
  const slot = Number(digits)
  return digits !== undefined && slot < slotCount ? slot : undefined
}
