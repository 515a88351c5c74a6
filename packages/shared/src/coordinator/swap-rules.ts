import { mostSwapped } from './coordinator.ts'
import type { Swap } from './coordinator.ts'

/** @throws {RangeError} for what no coordinator takes: a mistake of the caller */
export function checkSwap(parts: readonly Swap[]): void {
  if (parts.length === 0 || parts.length > mostSwapped) {
    throw new RangeError(`A swap has 1 to ${mostSwapped} parts, not ${parts.length}.`)
  }
  const keys = new Set(parts.map(({ key }) => key))
  if (keys.size !== parts.length) throw new RangeError('A swap has each key once.')
  if (keys.has('')) throw new RangeError('A key is not empty.')
}
