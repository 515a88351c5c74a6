import { at } from './check-pushes.ts'
import type { History } from '../history.ts'

/** What etcd said before the claim began, after it had ended, and in between: one of these must name the host. */
export function wrongClaims(history: History): string[] {
  const looks = Map.groupBy(history.looks, ({ slot }) => slot)
  const places = history.placements.bySlot
  return history.claims.flatMap(({ host, slot, what, began, ended }) => {
    const ofSlot = looks.get(slot) ?? []
    const before = ofSlot[firstWhere(ofSlot, (look) => look.ended >= began) - 1]
    const after = ofSlot[firstWhere(ofSlot, (look) => look.began > ended)]
    if (!before || !after) return []
    const placed = places.get(slot) ?? []
    const between = placed.slice(
      firstWhere(placed, ({ revision }) => revision >= before.revision),
      firstWhere(placed, ({ revision }) => revision > after.revision),
    )
    if (between.some(({ primary }) => primary === host)) return []
    const primaries = between.map(({ primary, revision }) => `${primary} (${revision})`).join(', ')
    return `slot ${slot}: ${host} ${what} from ${at(began)} to ${at(ended)}; in etcd: ${primaries}`
  })
}

/**
 * A push that a host has acknowledged after it was stopped, or heard nothing of its copies, and another one had its slot by
 * then.
 */
export function lateAcknowledgements(history: History): string[] {
  const looks = Map.groupBy(history.looks, ({ slot }) => slot)
  const pauses = Map.groupBy(history.pauses, ({ host }) => host)
  const acknowledged = history.claims.filter(({ what }) => what.startsWith('acknowledged'))
  return acknowledged.flatMap(({ host, slot, what, began, ended }) => {
    const ofHost = pauses.get(host) ?? []
    const pause = ofHost[firstWhere(ofHost, (one) => one.ended > began)]
    if (!pause || pause.ended >= ended) return []
    const ofSlot = looks.get(slot) ?? []
    const before = ofSlot[firstWhere(ofSlot, (look) => look.ended >= pause.began) - 1]
    const meanwhile = ofSlot.slice(
      firstWhere(ofSlot, (look) => look.began > pause.began),
      firstWhere(ofSlot, (look) => look.ended >= pause.ended),
    )
    const taken = meanwhile.some(
      (look) => look.revision > (before?.revision ?? Infinity) && history.placements.at(look)?.primary !== host,
    )
    return taken
      ? `slot ${slot}: ${host} ${what} at ${at(ended)}, and could not from ${at(pause.began)} to ${at(pause.ended)}`
      : []
  })
}

/** The index of the first one that fits, where all after it fit, too. Looks of one slot come one after the other, and so do a host's pauses. */
function firstWhere<T>(all: readonly T[], fits: (one: T) => boolean): number {
  let [low, high] = [0, all.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (fits(all[middle]!)) high = middle
    else low = middle + 1
  }
  return low
}
