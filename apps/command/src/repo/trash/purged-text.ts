import type { Purged } from '@sluice/gitworker/administration/change/purge-repository'
import { printable, timeInWords } from '../../output/words.ts'

export function isGoneEverywhere({ elsewhere }: Purged): boolean {
  return elsewhere === undefined || (elsewhere !== 'unasked' && elsewhere.left.length === 0)
}

/** @param keptUntil as the list of the trash has said before */
export function purgedText(
  { purged, id, isRemovedHere, elsewhere }: Purged,
  keptUntil: string | null | undefined,
): string {
  if (elsewhere === undefined) return `Removed ${purged} for good.`
  if (elsewhere === 'unasked') return `${unaskedText(purged, isRemovedHere)} When it runs: sluice repo purge ${id}`
  const places = [...(isRemovedHere ? ['this host'] : []), ...elsewhere.removedFrom]
  const { left } = elsewhere
  if (left.length === 0) return `Removed ${purged} for good, from ${listed(places)}. It is in no other trash.`
  const removed = places.length === 0 ? 'It was removed from no host.' : `It was removed from ${listed(places)}.`
  const reasons = left.map(({ host, why }) => `  ${host}: ${printable(why)}`)
  return [
    `${purged} is not gone everywhere. ${removed} Not from:`,
    ...reasons,
    `Say "sluice repo purge ${id}" again when that is over. ${untilWhen(keptUntil)}`,
  ].join('\n')
}

function unaskedText(purged: string, isRemovedHere: boolean): string {
  const here = isRemovedHere
    ? `Removed ${purged} from the trash of this host.`
    : `The trash of this host has no ${purged}.`
  return `${here} This host is stopped, so the other hosts of its cluster were not asked, and may have it, too.`
}

function untilWhen(keptUntil: string | null | undefined): string {
  if (keptUntil === null) return 'By itself, it never goes there (SLUICE_TRASH_TIME=off).'
  const time = keptUntil === undefined ? 'its time is over' : timeInWords(keptUntil)
  return `Otherwise it goes there when ${keptUntil === undefined ? time : `it is ${time}`}, or a day after the host has caught up, whichever is later.`
}

function listed(places: readonly string[]): string {
  return places.length < 2 ? places.join('') : `${places.slice(0, -1).join(', ')} and ${places.at(-1)}`
}
