import { hash } from 'node:crypto'

/*
 * The digest of a repository's state is a sum of hashes: one for each reference, and one for each other thing, such as HEAD
 * and the configuration. So the order in which references are read does not matter, and a change of one reference changes the digest without a look at
 * the others: its old hash is taken away, its new one is added.
 *
 * Two states with one digest could only be made on purpose, by whoever pushes both. They would fool the comparison of the
 * copies of their own repository, and nothing else.
 */

const modulus = 1n << 256n

/** What a reference is: an id, or `ref: ` and the name that it leads to. */
export type RefValue = string

/** One change of a reference; undefined where there was none before, or is none after. */
export type RefChange = { readonly ref: string; readonly old: RefValue | undefined; readonly new: RefValue | undefined }

export class StateDigest {
  #sum = 0n

  /** @param text as `toString` gives it. Undefined: nothing is in it yet */
  static parse(text: string): StateDigest {
    const digest = new StateDigest()
    digest.#sum = BigInt(`0x${text}`)
    return digest
  }

  /** @param ref its full name, `HEAD`, or what else it is: one character for each byte */
  add(ref: string, value: RefValue): this {
    this.#sum = (this.#sum + hashOf(ref, value)) % modulus
    return this
  }

  remove(ref: string, value: RefValue): this {
    this.#sum = (this.#sum + modulus - hashOf(ref, value)) % modulus
    return this
  }

  /** Takes over changes that were made, in any order. */
  change(changes: Iterable<RefChange>): this {
    for (const { ref, old, new: now } of changes) {
      if (old !== undefined) this.remove(ref, old)
      if (now !== undefined) this.add(ref, now)
    }
    return this
  }

  /** 64 hexadecimal digits. */
  toString(): string {
    return this.#sum.toString(16).padStart(64, '0')
  }
}

/** The digest of what does not exist: nothing is in it. */
export const absentDigest = new StateDigest().toString()

/** No name of a reference holds a NUL, so no two pairs have one text. */
function hashOf(ref: string, value: RefValue): bigint {
  return BigInt(`0x${hash('sha256', Buffer.from(`${ref}\0${value}`, 'latin1'))}`)
}
