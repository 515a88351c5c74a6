import type { History, Push, Read } from '../history.ts'

/** Pushes that were acknowledged, and are not among what the last read of their reference shows. */
export function lostPushes(history: History): string[] {
  const lost = missingIn(
    history,
    history.reads.filter(({ isLast }) => isLast),
  )
  const byVersion = new Map(lost.map((one) => [one.push.version, one]))
  return [...byVersion.values()].map(({ push, read }) => wordsOf(push, read))
}

export function staleReads(history: History): string[] {
  const reads = history.reads.filter(({ isLast }) => !isLast)
  return missingIn(history, reads).map(({ push, read }) => wordsOf(push, read))
}

/** Two hosts have both taken themselves for primary, or a host has forgotten what it had acknowledged. */
export function forks(history: History): string[] {
  return history.forks.map(
    (pushes) =>
      `${pushes[0]!.place} after ${history.before(pushes[0]!.version)}: ` +
      pushes.map(({ version, ended }) => `${version} at ${at(ended)}`).join(', '),
  )
}

export function seenThoughRefused(history: History): string[] {
  const refused = history.pushes.filter(({ outcome, version }) => outcome === 'refused' && history.wasSeen(version))
  return refused.map(({ place, version, why, ended }) => `${place}: ${version} at ${at(ended)}: ${why}`)
}

/** Others may be faster with the same reference. */
export function failedInCalm({ pushes, calmSince }: History): string[] {
  const failed = pushes.filter(
    ({ began, outcome, why, isHeld }) =>
      isHeld && began > calmSince && outcome !== 'acknowledged' && !why.startsWith('ng: '),
  )
  return failed.map(
    ({ place, version, why, began, ended }) => `${place}: ${version}, ${at(began)} to ${at(ended)}: ${why}`,
  )
}

type Missing = { readonly push: Push; readonly read: Read }

/** For each read that shows too little, what it does not show. */
function missingIn(history: History, reads: readonly Read[]): Missing[] {
  return reads.flatMap((read) =>
    history
      .versionsOf(read.place)
      .missingIn(read)
      .map((push) => ({ push, read })),
  )
}

function wordsOf({ place, version, ended }: Push, { by, found, began }: Read): string {
  return `${place}: ${version} was acknowledged at ${at(ended)}; ${by} showed ${found} at ${at(began)}`
}

export function at(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`
}
