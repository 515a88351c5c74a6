/**
 * Whether a filter means the same whatever the references are: list-objects-filter-options.c. `sparse:oid=main:path` takes
 * the name of an object, which git looks up each time, unless it is a whole hash. Unknown filters may mean anything.
 *
 * @param hashDigits the length of the repository's hashes; a name with any other number of digits may be a reference
 */
export function isFilterFixed(spec: string, hashDigits: number): boolean {
  if (spec.length > maxLength) return false
  const parts = /^combine:(.+)$/.exec(spec)?.[1]?.split('+')
  if (parts) return parts.every((part) => isFilterFixed(decoded(part) ?? 'unknown', hashDigits))
  const name = /^sparse:oid=([0-9a-f]+)$/.exec(spec)?.[1]
  return name === undefined ? fixed.test(spec) : name.length === hashDigits
}

const fixed = /^(?:blob:none|blob:limit=\d+[kmg]?|tree:\d+|object:type=(?:blob|tree|commit|tag))$/

/** Filters that people write are far shorter. */
const maxLength = 1000

/** A part of a combined filter is encoded once more with each level. So every filter is shorter than the one around it. */
function decoded(part: string): string | undefined {
  return /^(?:[\w:=.-]|%[0-7][0-9A-Fa-f])+$/.test(part) ? decodeURIComponent(part) : undefined
}
