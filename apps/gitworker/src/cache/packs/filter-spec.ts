/**
 * Whether a filter means the same whatever the references are: list-objects-filter-options.c. The one that takes the name
 * of an object (`sparse:oid=main:path`) has it looked up each time, unless the name is a whole hash. What is not known here
 * could mean anything.
 *
 * @param hashDigits of the repository's hashes: as many digits are a hash, and any other number may be a reference's name
 */
export function isFilterFixed(spec: string, hashDigits: number): boolean {
  if (spec.length > maxLength) return false
  const parts = /^combine:(.+)$/.exec(spec)?.[1]?.split('+')
  if (parts) return parts.every((part) => isFilterFixed(decoded(part) ?? 'unknown', hashDigits))
  const name = /^sparse:oid=([0-9a-f]+)$/.exec(spec)?.[1]
  return name === undefined ? fixed.test(spec) : name.length === hashDigits
}

const fixed = /^(?:blob:none|blob:limit=\d+[kmg]?|tree:\d+|object:type=(?:blob|tree|commit|tag))$/

/** What people write is far shorter. */
const maxLength = 1000

/** Filters nest, each level encoded once more: every one is shorter than the one around it. */
function decoded(part: string): string | undefined {
  return /^(?:[\w:=.-]|%[0-7][0-9A-Fa-f])+$/.test(part) ? decodeURIComponent(part) : undefined
}
