/*
 * What became of pushes whose end nobody saw, judged by what a reference is now. git compares the old id of each change
 * while it holds the lock, so the changes of one reference form a chain: the last of them made it what it is, the one before
 * that made what the last one found, and so on.
 */

export type Verdict = 'changed' | 'unchanged' | 'uncertain'

type Change = { readonly old: string; readonly new: string }

/**
 * @param changes that may have been made to one reference, in any order
 * @param now its id, zeros for none
 * @returns a verdict for each, and the changes that were made, in the order in which they were
 */
export function judgeRefs<T extends Change>(
  changes: readonly T[],
  now: string,
): { readonly made: readonly T[]; readonly verdictOf: (change: T) => Verdict } {
  const made: T[] = []
  const values = new Set([now])
  for (let value = now; ;) {
    const last = changes.find((change) => change.new === value && change.old !== value && !made.includes(change))
    if (!last) break
    made.unshift(last)
    value = last.old
    values.add(value)
  }
  // What would have needed a value that it had at another time was refused.
  const verdictOf = (change: T) =>
    made.includes(change) ? 'changed' : change.old === change.new || values.has(change.old) ? 'unchanged' : 'uncertain'
  return { made, verdictOf }
}
