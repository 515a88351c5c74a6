import { createCipheriv, createHash } from 'node:crypto'
import type { Cipheriv } from 'node:crypto'
import type { SeededRandom } from './seeded-random.ts'

/** Bytes that look random, do not repeat, and are the same for the same seed: each one tells whether it is in its place. */
export class Keystream {
  readonly #cipher: Cipheriv
  #position = 0

  constructor(seed: string) {
    this.#cipher = createCipheriv('aes-128-ctr', createHash('md5').update(seed).digest(), Buffer.alloc(16))
  }

  get position(): number {
    return this.#position
  }

  next(count: number): Buffer {
    this.#position += count
    return this.#cipher.update(Buffer.alloc(count))
  }

  /** Compares what comes next with these bytes. @returns where they differ, in words; undefined where they do not */
  difference(bytes: Buffer): string | undefined {
    const start = this.#position
    const expected = this.next(bytes.length)
    if (expected.equals(bytes)) return undefined
    return `byte ${start + expected.findIndex((byte, index) => byte !== bytes[index])} differs`
  }
}

/** A size for a piece of a stream: most are small, and some are larger than any buffer on the way. */
export function pieceSize(random: SeededRandom): number {
  return Math.ceil(2 ** (20 * random.next()))
}
