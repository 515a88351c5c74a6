import { closest, distance } from 'fastest-levenshtein'

/** The name that was probably meant, if one is near enough. */
export function nearest(name: string, among: readonly string[]): string | undefined {
  if (among.length === 0 || name.length > 100) return undefined
  const found = closest(name, among)
  return distance(name, found) <= Math.max(2, Math.floor(name.length / 4)) ? found : undefined
}
