/**
 * Patterns for names of repositories and references. `*` stands for a part of a name or a piece of one, `**` for any
 * number of parts (`team/**` fits `team`, too), `?` for a character, `[a-c]` for one of several characters, `[^a-c]`
 * for any other. A character after `\` stands for itself. A name that is written like the pattern fits as well.
 *
 * Names come from clients, and with a regular expression a short one could take minutes. This matcher never goes back
 * by more than one star, so its work is bounded by the length of the pattern times that of the name.
 *
 * @returns a function that says whether a name fits. The name has no empty parts, and no part that is `.` or `..`.
 */
export function fitsPattern(pattern: string): (name: string) => boolean {
  const parts = partsOf(pattern.replace(/^(?:\.\/)+/, '').replace(/^\*\*(\.\w+)$/, '**/*$1'))
  const first = parts[0]
  return (name) => {
    if (name === pattern) return true
    const names = name.split('/')
    // In a long list, most patterns already differ from a name in their first part.
    if (typeof first === 'string' && first !== names[0]) return false
    return fitsSequence(parts, anyParts, names, fitsPart)
  }
}

const anyParts = Symbol('**')
const anyCharacters = Symbol('*')
const oneCharacter = Symbol('?')

/** A part without wildcards is a string. */
type Part = typeof anyParts | string | readonly Token[]
type Token = typeof anyCharacters | typeof oneCharacter | string | CharacterClass
type CharacterClass = { readonly isNegated: boolean; readonly ranges: readonly (readonly [string, string])[] }

/**
 * Whether items fit a pattern in which a wildcard stands for any number of them. If an item does not fit, the last
 * wildcard takes one item more. Giving more to an earlier wildcard could not help (Kurt's algorithm for wildcards).
 */
function fitsSequence<P, T>(
  pattern: readonly P[],
  wildcard: P,
  items: ArrayLike<T>,
  fits: (one: P, item: T) => boolean,
): boolean {
  let at = 0
  let afterWildcard = -1
  let taken = 0
  for (let item = 0; item < items.length;) {
    if (at < pattern.length && pattern[at] === wildcard) {
      afterWildcard = ++at
      taken = item
    } else if (at < pattern.length && fits(pattern[at]!, items[item]!)) {
      at++
      item++
    } else if (afterWildcard === -1) {
      return false
    } else {
      at = afterWildcard
      item = ++taken
    }
  }
  while (at < pattern.length && pattern[at] === wildcard) at++
  return at === pattern.length
}

function fitsPart(part: Part, name: string): boolean {
  if (typeof part === 'string') return part === name
  return typeof part === 'object' && fitsSequence(part, anyCharacters, name, fitsToken)
}

function fitsToken(token: Token, character: string): boolean {
  if (typeof token === 'string') return token === character
  if (typeof token === 'symbol') return token === oneCharacter
  return token.ranges.some(([from, to]) => from <= character && character <= to) !== token.isNegated
}

function partsOf(pattern: string): Part[] {
  const parts: Part[] = []
  let tokens: Token[] = []
  for (let at = 0; at <= pattern.length;) {
    const { token, next } = tokenAt(pattern, at)
    if (token === '/' || token === undefined) {
      const part = partOf(tokens)
      if (part !== anyParts || parts.at(-1) !== anyParts) parts.push(part)
      tokens = []
    } else {
      tokens.push(token)
    }
    at = next
  }
  // `team/**` fits `team`, too, but `*/**` does not fit every name. This is how picomatch behaves, which read these
  // patterns before.
  if (parts.at(-1) === anyParts && endsInStar(parts.at(-2))) parts.push([anyCharacters])
  return parts
}

function endsInStar(part: Part | undefined): boolean {
  return typeof part === 'object' && part.at(-1) === anyCharacters
}

function partOf(tokens: readonly Token[]): Part {
  if (tokens.length === 2 && tokens.every((token) => token === anyCharacters)) return anyParts
  return tokens.every((token) => typeof token === 'string') ? tokens.join('') : tokens
}

/** The token at a place (undefined at the end), and where the next one begins. */
function tokenAt(pattern: string, at: number): { token: Token | undefined; next: number } {
  const character = pattern[at]
  const next = at + 1
  if (character === '*') return { token: anyCharacters, next }
  if (character === '?') return { token: oneCharacter, next }
  if (character === '\\' && next < pattern.length) return { token: pattern[next]!, next: next + 1 }
  if (character !== '[') return { token: character, next }
  return classAt(pattern, at) ?? { token: character, next }
}

/** The class at a `[`. Undefined where there is no end to it: then `[` means itself. */
function classAt(pattern: string, at: number): { token: CharacterClass; next: number } | undefined {
  if (!pattern.includes(']', at)) return undefined
  const [text, negation, inside] = /^\[(\^?)(\]?(?:\\.|[^\\\]])*)\]/.exec(pattern.slice(at, at + 500)) ?? []
  if (text === undefined || inside === undefined || inside === '') return undefined
  const ranges = inside
    .matchAll(/(?:\\(.)|(.))(?:-(?:\\(.)|(.)))?/g)
    .map(([, escaped, plain, escapedEnd, end]) => {
      const from = escaped ?? plain!
      return [from, escapedEnd ?? end ?? from] as const
    })
    .toArray()
  return { token: { isNegated: negation !== '', ranges }, next: at + text.length }
}
