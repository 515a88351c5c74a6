import type { CopyChoice } from './copies.ts'
import { lives } from './snapshot.ts'
import type { Host, PlacedSlot, Snapshot } from './snapshot.ts'
import type { Step } from './step.ts'

/*
 * Copies on the hosts' own disks. A slot moves one step at a time, and is served all the while:
 *
 *   listed: a host that is to keep the slot ──the primary brings it up to date──▶ in sync
 *     ──handed over, where the primary is not to keep the slot──▶ a host that is not to keep it is taken off the list
 *
 * Nobody is taken off before all that are to keep the slot live and are in sync.
 */

/** @returns undefined where nothing is to be done with a slot, or it waits for calm */
export function changeOfOwnCopies(
  { hosts, copies: number, isCalm }: Snapshot,
  { number: slot, record }: PlacedSlot,
  choice: CopyChoice,
): Step['write'] | undefined {
  if (!isCalm) return undefined
  const wanted = choice.of(slot, record.primary)
  // One that comes and goes is better than none.
  const isShort = record.copies.length < number
  const takes = (host: Host | undefined) => host?.state === 'steady' || (isShort && host?.state === 'unsteady')
  const lacking = wanted.filter((name) => takes(hosts.get(name)) && !record.copies.includes(name))
  if (lacking.length > 0) {
    const copies = [...record.copies, ...lacking]
    // One of those that are listed for nothing makes room.
    return { ...record, copies: copies.length <= mostListed ? copies : withoutOne(record, wanted, copies) }
  }
  // Where there are fewer hosts than copies, those that are away may come back with what they have.
  const isComplete =
    wanted.length >= number && wanted.every((name) => lives(hosts.get(name)) && record.inSync.includes(name))
  if (!isComplete || !wanted.includes(record.primary!) || record.copies.length === wanted.length) return undefined
  return { ...record, copies: wanted, inSync: wanted }
}

/** The most copies that a record may have. */
const mostListed = 16

function withoutOne(
  { inSync }: PlacedSlot['record'],
  wanted: readonly string[],
  copies: readonly string[],
): readonly string[] {
  const idle = new Set(copies.filter((name) => !inSync.includes(name) && !wanted.includes(name)))
  return [...copies.filter((name) => !idle.has(name)), ...idle].slice(0, mostListed)
}
