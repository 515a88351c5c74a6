/**
 * How large the pack of a push may be, and which limit says so: the one on a push, or what a repository has left.
 */
export type PushRoom =
  | { readonly bytes: number; readonly of: 'push' }
  | { readonly bytes: number; readonly of: 'repository'; readonly limit: number; readonly used: number }

/** What SLUICE_MAX_REPOSITORY leaves of a repository's size. */
export type RepositoryRoom = Extract<PushRoom, { readonly of: 'repository' }>

/**
 * For the user of a push that git has found too large.
 *
 * @param limit as git words it; undefined, or empty, where git has not said it
 */
export function tooLargeSentence(room: PushRoom | undefined, limit: string | undefined): string {
  if (room?.of === 'repository') return `This push is too large. ${fullSentence(room)}`
  const most = limit || (room && sizeInWords(room.bytes))
  const than = most === undefined ? 'what' : `the ${most} that`
  return `This push is larger than ${than} may be pushed to this repository at once (SLUICE_MAX_PUSH, or receive.maxInputSize in the repository).`
}

/** Says what a repository may have, what it has, and how to go on. */
export function fullSentence({ limit, used }: RepositoryRoom): string {
  const left = limit - used
  const has =
    left > 0 ? `has ${sizeInWords(used)}, so ${sizeInWords(left)} are left` : `has ${sizeInWords(used)} already`
  return `This repository may have ${sizeInWords(limit)} (SLUICE_MAX_REPOSITORY) and ${has}. Deleting references is still possible. Please ask whoever runs this server for more room, or to collect garbage.`
}

function sizeInWords(bytes: number): string {
  for (const [unit, size] of units) {
    if (bytes >= size) return `${(bytes / size).toFixed(2).replace(/\.00$/, '')} ${unit}`
  }
  return `${bytes} bytes`
}

const units = [
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
] as const
