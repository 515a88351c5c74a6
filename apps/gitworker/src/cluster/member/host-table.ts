import type { Watched } from '@sluice/shared/coordinator/coordinator'
import { readHostRecord } from '@sluice/shared/placement/host-record'
import type { HostRecord } from '@sluice/shared/placement/host-record'
import type { ClusterKeys } from '@sluice/shared/placement/keys'

/** A host that lives, as this one knows it. */
export type KnownHost = { readonly record: HostRecord; readonly revision: number }

/** The hosts that live, this one included, as far as this host has heard. */
export class HostTable {
  readonly #keys: ClusterKeys
  #hosts: ReadonlyMap<string, KnownHost> = new Map()
  #revision = 0

  constructor(keys: ClusterKeys) {
    this.#keys = keys
  }

  /** Of the newest change that is known. */
  get revision(): number {
    return this.#revision
  }

  get(name: string): KnownHost | undefined {
    return this.#hosts.get(name)
  }

  /** By name. */
  get all(): ReadonlyMap<string, KnownHost> {
    return this.#hosts
  }

  /** Takes over what the watch has brought. There are some dozen hosts at most. */
  take(watched: Watched): void {
    const hosts = watched.kind === 'all' ? new Map<string, KnownHost>() : new Map(this.#hosts)
    for (const { key, value, revision } of watched.kind === 'all' ? watched.entries : watched.changes) {
      const record = value === undefined ? undefined : readHostRecord(value)
      const name = key.slice(this.#keys.hosts.length)
      if (record) hosts.set(name, { record, revision })
      else hosts.delete(name)
    }
    this.#hosts = hosts
    this.#revision = watched.revision
  }
}
