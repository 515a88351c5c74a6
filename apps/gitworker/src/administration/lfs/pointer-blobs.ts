/** Pointers are shorter (docs/spec.md of git-lfs). git-lfs itself looks at no blob that is larger. */
export const mostPointerBytes = 1024

const mostHeaderBytes = 256

/**
 * Reads what `git cat-file --batch` writes, and finds the objects of LFS that the blobs in it point to.
 *
 *   header ──a line──▶ content ──all of it, and a newline──▶ header
 *
 * A blob that looks like a pointer counts as one: rather one object too many is kept.
 */
export class PointerBlobs {
  readonly #onPointer: (oid: string) => void
  /** A part of a header, or of a blob that is small enough for a pointer. */
  #kept = Buffer.alloc(0)
  /** Of the content, with its newline; 0 while a header is read. */
  #left = 0
  #isSmall = false

  /** @param onPointer called with the name of each object, maybe several times */
  constructor(onPointer: (oid: string) => void) {
    this.#onPointer = onPointer
  }

  /** @throws where git has not found an object, or writes something else */
  read(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0;) rest = this.#left > 0 ? this.#readContent(rest) : this.#readHeader(rest)
  }

  /** To be called when git has ended. @throws where it has ended early */
  end(): void {
    if (this.#left > 0 || this.#kept.length > 0) throw new Error('git cat-file has ended in the middle of an object.')
  }

  #readHeader(chunk: Buffer): Buffer {
    const end = chunk.indexOf('\n')
    const header = Buffer.concat([this.#kept, end === -1 ? chunk : chunk.subarray(0, end)])
    if (header.length > mostHeaderBytes) throw new Error('git cat-file writes something else than objects.')
    this.#kept = end === -1 ? header : Buffer.alloc(0)
    if (end === -1) return Buffer.alloc(0)
    const [, type, size] = /^[0-9a-f]+ (\w+) (\d+)$/.exec(header.toString('latin1')) ?? []
    if (size === undefined) throw new Error(`git cat-file says: ${header.toString('latin1')}`)
    this.#left = Number(size) + 1
    this.#isSmall = type === 'blob' && Number(size) <= mostPointerBytes
    return chunk.subarray(end + 1)
  }

  #readContent(chunk: Buffer): Buffer {
    const part = chunk.subarray(0, this.#left)
    this.#left -= part.length
    if (this.#isSmall) this.#kept = Buffer.concat([this.#kept, part])
    if (this.#left === 0) {
      if (this.#isSmall) this.#look(this.#kept.toString('latin1'))
      this.#kept = Buffer.alloc(0)
    }
    return chunk.subarray(part.length)
  }

  #look(text: string): void {
    for (const [, oid] of text.matchAll(/\boid sha256:([0-9a-f]{64})\b/g)) this.#onPointer(oid!)
  }
}
