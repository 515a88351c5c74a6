/*
 * The memory that packs are read into. A chunk of a pack lies in a buffer that is used again once everybody who has the chunk
 * is done with it:
 *
 *   free ──take──▶ being filled ──lend──▶ lent, as a chunk ──giveBack──▶ free
 *                                              └── keep, or forgotten ──▶ collected as garbage
 *
 * Only the last owner of a chunk may give it back. Whoever is not sure leaves it alone: that costs an allocation.
 */

export const outputBufferBytes = 256 * 1024

/** More than that many are not kept: 4 MiB. */
const mostFree = 16

const free: Buffer[] = []
const lent = new WeakMap<Buffer, Buffer>()

export function takeBuffer(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(outputBufferBytes)
}

/** Lends a part of a buffer as a chunk. The buffer now belongs to whoever has the chunk. */
export function lend(buffer: Buffer, start: number, end: number): Buffer {
  const chunk = buffer.subarray(start, end)
  lent.set(chunk, buffer)
  return chunk
}

/** To be called by the last owner of a chunk, who reads it no more. Does nothing for any other buffer, or a second time. */
export function giveBack(chunk: Buffer): void {
  const buffer = lent.get(chunk)
  if (!buffer) return
  lent.delete(chunk)
  if (free.length < mostFree) free.push(buffer)
}

/** The chunk has several owners now, or one who will not say when it is done: its memory is not used again. */
export function keep(chunk: Buffer): void {
  lent.delete(chunk)
}
