/*
 * Which references of an upstream a mirror has. By default branches and tags: forges show all that anybody has ever proposed
 * as references, too (`refs/pull/*`, `refs/merge-requests/*`). These take space, and they are strangers' words under a
 * name of one's own.
 */

export type RefSelection = {
  /** As in the file, to tell whether it has changed. */
  readonly words: readonly string[]
  /** git's refspecs: each reference to one of the same name, also where history was rewritten. */
  readonly refspecs: readonly string[]
  /** @param ref a full name */
  readonly includes: (ref: string) => boolean
}

const short: Readonly<Record<string, string>> = { heads: 'refs/heads/*', tags: 'refs/tags/*', all: 'refs/*' }

/** git-check-ref-format(1), with one asterisk at most. */
const invalid = /[\0-\x20\x7f~^:?[\\\uFFFD]|\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)|[./]$|\*.*\*/u

/** @returns why it is no pattern for references; undefined where it is one */
export function whyNoRefPattern(word: string): string | undefined {
  if (Object.hasOwn(short, word)) return undefined
  const pattern = word.startsWith('^') ? word.slice(1) : word
  if (pattern.startsWith('refs/') && !invalid.test(pattern)) return undefined
  return 'here should be heads, tags, all, or a pattern such as refs/heads/release/*, with ^ before it to leave references out'
}

/** @param words each passed `whyNoRefPattern` */
export function selectRefs(words: readonly string[]): RefSelection {
  const patterns = words.map((word) => (Object.hasOwn(short, word) ? short[word]! : word))
  const taken = patterns.filter((pattern) => !pattern.startsWith('^'))
  const left = patterns.filter((pattern) => pattern.startsWith('^'))
  const isTaken = taken.map(fitting)
  const isLeft = left.map((pattern) => fitting(pattern.slice(1)))
  return {
    words,
    refspecs: [...taken.map((pattern) => `+${pattern}:${pattern}`), ...left],
    includes: (ref) => isTaken.some((fits) => fits(ref)) && !isLeft.some((fits) => fits(ref)),
  }
}

function fitting(pattern: string): (ref: string) => boolean {
  const [before = '', after] = pattern.split('*')
  if (after === undefined) return (ref) => ref === pattern
  const least = before.length + after.length
  return (ref) => ref.length > least && ref.startsWith(before) && ref.endsWith(after)
}
