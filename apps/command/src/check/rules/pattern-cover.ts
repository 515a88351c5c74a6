import { fitsPattern } from '@sluice/shared/git/name-pattern'

/** No pattern has these characters, so only wildcards fit them. */
const strange = ['\uE000', '\uE001\uE002'] as const
const mostWildcards = 4

/**
 * Whether each name that fits one pattern also fits another. It tries the names that stand for all. It says no where it
 * cannot tell.
 */
export function covers(wide: string, narrow: string): boolean {
  return coveringBy(wide)(standingFor(narrow))
}

/** The same for many patterns, of which each is read once. */
export function coveringBy(wide: string): (names: readonly string[]) => boolean {
  const fits = fitsPattern(wide)
  return (names) => names.length > 0 && names.every(fits)
}

/** Names that stand for all that fit a pattern: for each wildcard, texts that nothing but a wildcard fits. */
export function standingFor(pattern: string): readonly string[] {
  return [...new Set(withoutAnyParts(pattern.replace(/^(?:\.\/)+/, '')).flatMap(namesFor))]
}

/** The pattern, and what is left of it where `**` stands for no part at all. */
function withoutAnyParts(pattern: string): string[] {
  return [pattern, pattern.replace('/**', ''), pattern.replace('**/', '')].filter((one) => one !== '')
}

function namesFor(pattern: string): string[] {
  if (/[[\\?]/.test(pattern)) return [unknown]
  const pieces = pattern.split(/(\*+)/)
  if (pieces.length > 2 * mostWildcards + 1) return [unknown]
  return pieces.reduce<string[]>(
    (names, piece, at) => {
      const texts = textsFor(piece, isWholePart(pieces[at - 1], pieces[at + 1]))
      return names.flatMap((name) => texts.map((text) => name + text))
    },
    [''],
  )
}

/** Fits only `**` and patterns like it. */
const unknown = `${strange[0]}/${strange[0]}/${strange[1]}/${strange[0]}/${strange[1]}`

function isWholePart(before = '', after = ''): boolean {
  return (before === '' || before.endsWith('/')) && (after === '' || after.startsWith('/'))
}

function textsFor(piece: string, isWhole: boolean): readonly string[] {
  if (!piece.startsWith('*')) return [piece]
  if (piece === '*') return isWhole ? strange : ['', ...strange]
  return [strange[0], `${strange[0]}/${strange[1]}`, `${strange[0]}/${strange[0]}/${strange[1]}`]
}
