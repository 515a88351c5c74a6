import { slotCount } from '@sluice/shared/placement/slot'
import { readSlotRecord, writeSlotRecord } from '@sluice/shared/placement/slot-record'
import { decide } from '../../../src/cluster/balancer/decide/decide.ts'
import { newSlot } from '../../../src/cluster/balancer/decide/snapshot.ts'
import type { Host, Slot, Snapshot } from '../../../src/cluster/balancer/decide/snapshot.ts'
import type { Step } from '../../../src/cluster/balancer/decide/step.ts'

/** A cluster as the coordinator and the hosts would have it, without either: steps are done, and primaries hand over. */
export class PlacedWorld {
  readonly hosts = new Map<string, Host>()
  readonly slots: Slot[]
  readonly storage: Snapshot['storage']
  copies: number
  isCalm = true
  now = 0
  revision = 1
  /** Each change of a primary, in order. */
  readonly changes: { readonly slot: number; readonly from: string | undefined; readonly to: string }[] = []

  constructor(storage: Snapshot['storage'] = 'shared', copies = 1, slots = slotCount) {
    this.storage = storage
    this.copies = copies
    this.slots = Array.from({ length: slots }, () => newSlot)
  }

  host(name: string, host: Partial<Host> = {}): this {
    this.hosts.set(name, { state: 'steady', weight: 100, zone: '', ...host })
    return this
  }

  snapshot(): Snapshot {
    const { storage, copies, isCalm, now } = this
    return { storage, copies, isCalm, now, hosts: new Map(this.hosts), slots: this.slots.slice() }
  }

  decide(): Step[] {
    return decide(this.snapshot())
  }

  /** Does what was decided, each step only if nothing that it counts on has changed. Returns how many were done. */
  carryOut(steps: readonly Step[]): number {
    const fitting = steps.filter(({ slot, expected, gone }) => {
      const before = this.slots[slot]!
      const host = gone === undefined ? undefined : this.hosts.get(gone)
      return ('revision' in before ? before.revision : 0) === expected && (!host || host.state === 'missing')
    })
    this.revision++
    for (const { slot, write } of fitting) this.write(slot, writeSlotRecord(write), this.revision)
    return fitting.length
  }

  /** Primaries that live hand over what is to be handed over. */
  handOver(mayNow: (slot: number) => boolean = () => true): void {
    for (const [number, slot] of this.slots.entries()) {
      if (slot.kind !== 'placed' || slot.record.next === undefined || !mayNow(number)) continue
      if (!slot.record.inSync.includes(slot.record.next)) continue
      const primary = this.hosts.get(slot.record.primary ?? '')
      if (!primary || primary.state === 'missing') continue
      this.write(
        number,
        writeSlotRecord({ ...slot.record, primary: slot.record.next, next: undefined, term: undefined }),
      )
    }
  }

  /** Primaries that live bring copies that live up to date. */
  bringUp(mayNow: (slot: number) => boolean = () => true): void {
    for (const [number, slot] of this.slots.entries()) {
      if (slot.kind !== 'placed' || !mayNow(number)) continue
      const { primary, copies, inSync } = slot.record
      const live = (name: string) => this.hosts.has(name) && this.hosts.get(name)!.state !== 'missing'
      if (primary === undefined || !live(primary)) continue
      const now = copies.filter((name) => inSync.includes(name) || live(name))
      if (now.length > inSync.length) this.write(number, writeSlotRecord({ ...slot.record, inSync: now }))
    }
  }

  /** Decides and does until there is nothing to do. Returns how many steps it took. */
  settle(): number {
    for (let done = 0, rounds = 0; rounds < 1000; rounds++) {
      this.handOver()
      if (this.storage === 'own') this.bringUp()
      const steps = this.decide()
      if (steps.length === 0) return done
      done += this.carryOut(steps)
    }
    throw new Error('There is no end to it')
  }

  /** What an operator writes. */
  scribble(number: number, value: string): void {
    const revision = ++this.revision
    const record = readSlotRecord(value, revision)
    this.slots[number] = record
      ? { kind: 'placed', number, revision, record, nextSince: this.now, restsUntil: 0 }
      : { kind: 'unreadable', revision }
  }

  write(number: number, value: string, revision = ++this.revision): void {
    const before = this.slots[number]!
    const record = readSlotRecord(value, revision)!
    const from = before.kind === 'placed' ? before.record.primary : undefined
    if (record.primary !== undefined && record.primary !== from) {
      this.changes.push({ slot: number, from, to: record.primary })
      if (record.term !== revision) throw new Error(`Slot ${number} has a new primary in an old term`)
    } else if (before.kind === 'placed' && record.term !== before.record.term) {
      throw new Error(`Slot ${number} has a new term without a new primary`)
    }
    this.slots[number] = { kind: 'placed', number, revision, record, nextSince: this.now, restsUntil: 0 }
  }

  /** How many slots each host is primary of. */
  primaries(): Map<string | undefined, number> {
    const counts = new Map<string | undefined, number>([...this.hosts.keys()].map((name) => [name, 0]))
    for (const slot of this.slots) {
      const primary = slot.kind === 'placed' ? slot.record.primary : undefined
      counts.set(primary, (counts.get(primary) ?? 0) + 1)
    }
    return counts
  }
}
