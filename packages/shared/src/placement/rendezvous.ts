/*
 * Rendezvous hashing. Of the copies of a slot, a source gets the one with the highest score: all gateways choose the same one,
 * and when a copy comes or goes, only the sources that get it, or had it, change. Hosts choose by it who keeps a slot, so with
 * another hash, repositories would be copied anew.
 */

/** FNV-1a over the UTF-16 units of a text, 32 bits. */
export function hashOf(text: string, seed = 0x811c9dc5): number {
  let hash = seed
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash
}

/** @param seed of a host: `hashOf` its name @returns from 0 to 2^32 - 1 */
export function scoreOf(source: number, seed: number): number {
  // The last steps of MurmurHash3: each bit of the input changes about half of those of the result.
  let hash = source ^ seed
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
