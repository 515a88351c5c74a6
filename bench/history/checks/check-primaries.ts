import { at } from './check-pushes.ts'
import type { History, Look } from '../history.ts'

/** What etcd said before the claim began, after it had ended, and in between: one of these must name the host. */
export function wrongClaims(history: History): string[] {
  const looks = Map.groupBy(history.looks, ({ slot }) => slot)
  const places = Map.groupBy(history.places, ({ slot }) => slot)
  return history.claims.flatMap(({ host, slot, what, began, ended }) => {
    const ofSlot = looks.get(slot) ?? []
    const before = ofSlot[firstWhere(ofSlot, (look) => look.ended >= began) - 1]
    const after = ofSlot[firstWhere(ofSlot, (look) => look.began > ended)]
    if (!before || !after) return []
    const between = (places.get(slot) ?? []).filter(
      ({ revision }) => revision >= before.revision && revision <= after.revision,
    )
    if (between.some(({ primary }) => primary === host)) return []
    const primaries = between.map(({ primary, revision }) => `${primary} (${revision})`).join(', ')
    return `slot ${slot}: ${host} ${what} from ${at(began)} to ${at(ended)}; in etcd: ${primaries}`
  })
}

/** A push that was running when its host was stopped, and acknowledged after it woke up, when another one had its slot. */
export function lateAcknowledgements(history: History): string[] {
  return history.claims.flatMap(({ host, slot, what, began, ended }) => {
    const pause = history.pauses.find((one) => one.host === host && began < one.began && one.ended < ended)
    if (!pause || !what.startsWith('acknowledged')) return []
    const before = history.looks.findLast((look) => look.slot === slot && look.ended < pause.began)
    const taken = history.looks.find(
      (look) =>
        look.slot === slot &&
        look.began > pause.began &&
        look.ended < pause.ended &&
        look.revision > (before?.revision ?? Infinity) &&
        history.placedAt(look)?.primary !== host,
    )
    return taken
      ? `slot ${slot}: ${host} ${what} at ${at(ended)}, stopped from ${at(pause.began)} to ${at(pause.ended)}`
      : []
  })
}

/** The longest time in which no host said that it takes pushes of a slot that was asked about, in milliseconds. */
export function longestWithoutPrimary({ claims }: History): number {
  let longest = 0
  for (const ofSlot of Map.groupBy(claims, ({ slot }) => slot).values()) {
    const inOrder = ofSlot.toSorted((one, other) => one.ended - other.ended)
    for (const [index, { ended }] of inOrder.entries()) {
      const next = inOrder[index + 1]
      if (next) longest = Math.max(longest, next.ended - ended)
    }
  }
  return longest
}

/** The index of the first one that fits, where all after it fit, too. Looks of one slot come one after the other. */
function firstWhere(looks: readonly Look[], fits: (look: Look) => boolean): number {
  let [low, high] = [0, looks.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (fits(looks[middle]!)) high = middle
    else low = middle + 1
  }
  return low
}
