import { hash } from 'node:crypto'
import { plainName } from '../git/repository-name.ts'

/**
 * How many slots there are. What is decided about placement is decided for slots, so ten thousand new repositories cost the
 * coordinator nothing.
 */
export const slotCount = 4096

/** The slot of a repository: the first 12 bits of SHA-256 of its plain name, whatever name it is addressed by. */
export function slotOf(repository: string): number {
  return Number.parseInt(hash('sha256', plainName(repository)).slice(0, 3), 16)
}
