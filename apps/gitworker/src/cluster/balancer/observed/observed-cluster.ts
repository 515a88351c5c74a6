import type { Change, Watched } from '@sluice/shared/coordinator/coordinator'
import { LoopTurn } from '@sluice/shared/machine/loop-turn'
import { readFormat } from '@sluice/shared/placement/format'
import type { ClusterFormat, FormatFault } from '@sluice/shared/placement/format'
import { slotOfKey } from '@sluice/shared/placement/keys'
import type { ClusterKeys } from '@sluice/shared/placement/keys'
import { slotCount } from '@sluice/shared/placement/slot'
import { takeBackAfterMs } from '../decide/limits.ts'
import { newSlot } from '../decide/snapshot.ts'
import type { Slot, Snapshot } from '../decide/snapshot.ts'
import { Calm } from './calm.ts'
import { ObservedHosts } from './observed-hosts.ts'
import { seeSlot } from './observed-slot.ts'

/**
 * The whole cluster, as the watch tells it. Each host has one, also those that do not balance: whoever takes over knows at
 * once which hosts have come and gone.
 */
export class ObservedCluster {
  readonly #keys: ClusterKeys
  readonly #hosts = new ObservedHosts()
  readonly #calm: Calm
  readonly #slots: Slot[] = Array.from({ length: slotCount }, () => newSlot)
  #format: ClusterFormat | FormatFault = 'missing'
  #lastFormat: ClusterFormat | undefined
  #balancer: { readonly name: string; readonly revision: number } | undefined
  #revision = 0

  /** @param agreed what the cluster agreed on before the watch has begun, where that is known */
  constructor(keys: ClusterKeys, settleMs: number, agreed?: ClusterFormat) {
    this.#keys = keys
    this.#lastFormat = agreed
    this.#calm = new Calm(settleMs)
  }

  /** Up to where the watch has come. 0: nothing is known yet. */
  get revision(): number {
    return this.#revision
  }

  /** Whoever balances now. Undefined: nobody. */
  get balancer(): { readonly name: string; readonly revision: number } | undefined {
    return this.#balancer
  }

  /** Undefined: there is none, or not one that this version can work with. */
  get format(): ClusterFormat | undefined {
    return typeof this.#format === 'string' ? undefined : this.#format
  }

  /** Why there is none. Undefined: there is one, or nothing is known yet. */
  get formatFault(): FormatFault | undefined {
    return typeof this.#format === 'string' && this.#revision > 0 ? this.#format : undefined
  }

  /** As it was last, or is; undefined where that is not known. */
  get lastFormat(): ClusterFormat | undefined {
    return this.#lastFormat
  }

  /**
   * Whether the keys of the slots are there. Where all of them are gone, etcd has lost more than the format: with disks of
   * their own, hosts must not be given slots before the table is back.
   */
  get hasTable(): boolean {
    return this.#slots.some(({ kind }) => kind === 'placed')
  }

  /** @param now milliseconds of a clock that never goes back */
  async see(watched: Watched, now: number): Promise<void> {
    const turn = new LoopTurn()
    for (const change of watched.kind === 'all' ? watched.entries : watched.changes) {
      this.#see(change, now)
      await turn.letOthers()
    }
    if (watched.kind === 'all') this.#seeMissing(new Set(watched.entries.map(({ key }) => key)), now)
    this.#calm.see(this.#hosts.at(now), now)
    this.#revision = watched.revision
  }

  /** Undefined while nothing may be decided: nothing is known yet, or the format is not. */
  snapshot(now: number): Snapshot | undefined {
    const { format } = this
    if (this.#revision === 0 || format === undefined) return undefined
    const hosts = this.#hosts.at(now)
    this.#calm.see(hosts, now)
    return {
      storage: format.storage,
      copies: format.copies,
      hosts,
      slots: this.#slots.slice(),
      isCalm: this.#calm.isCalm(now),
      now,
    }
  }

  /** When there may be something to decide, if nothing happens until then. */
  changesAt(now: number): number {
    let next = Math.min(this.#hosts.changesAt(now), this.#calm.changesAt(now))
    for (const slot of this.#slots) {
      if (slot.kind !== 'placed') continue
      const takenBackAt = slot.record.next === undefined ? 0 : slot.nextSince + takeBackAfterMs
      for (const at of [takenBackAt, slot.restsUntil]) if (at > now) next = Math.min(next, at)
    }
    return next
  }

  #see({ key, value, revision }: Change, now: number): void {
    const slot = slotOfKey(this.#keys, key)
    if (slot !== undefined) {
      this.#slots[slot] = seeSlot(slot, value, revision, this.#slots[slot]!, now)
    } else if (key.startsWith(this.#keys.hosts)) {
      this.#hosts.see(key.slice(this.#keys.hosts.length), value, now)
    } else if (key === this.#keys.balancer) {
      this.#balancer = value === undefined ? undefined : { name: value, revision }
    } else if (key === this.#keys.format) {
      this.#format = value === undefined ? 'missing' : (readFormat(value) ?? 'foreign')
      this.#lastFormat = this.format ?? this.#lastFormat
    }
  }

  /** After a gap: what is not there any more was deleted in it. */
  #seeMissing(keys: ReadonlySet<string>, now: number): void {
    const { hosts, balancer, format } = this.#keys
    const names = [...keys].filter((key) => key.startsWith(hosts)).map((key) => key.slice(hosts.length))
    this.#hosts.seeOnly(new Set(names), now)
    for (const [slot, before] of this.#slots.entries()) {
      if (!keys.has(this.#keys.slot(slot))) this.#slots[slot] = seeSlot(slot, undefined, 0, before, now)
    }
    if (!keys.has(balancer)) this.#balancer = undefined
    if (!keys.has(format)) this.#format = 'missing'
  }
}
