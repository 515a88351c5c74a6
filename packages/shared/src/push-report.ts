import { pktLength } from './pkt-line.ts'

/** So many rejected references are remembered, with so much of what is said of each. */
const maxRejected = 10
const maxTextLength = 256

/** So much of what git and its hooks say to the user is remembered: the end of it. */
const maxWords = 4096

/** What git says in the place of a pack that is too large (index-pack.c, unpack-objects.c). */
const tooLarge = /pack exceeds maximum allowed size(?: \(([\d.]+ [A-Za-z]+)\))?/

/**
 * What receive-pack tells its client, read as it passes: gitprotocol-pack(5), "Report Status", with side-band or without.
 * What it keeps is bounded, whatever passes.
 */
export class PushReport {
  /** `ok`, or why the pack was not taken; undefined before that was said. */
  unpack: string | undefined
  /**
   * Whether the report has begun, which git writes when the references have moved and before post-receive runs: what this
   * push was to do is done, or has been refused. (An empty packet on side-band 1 is a sign of life.)
   */
  hasBegun = false
  /** Whether all references have been reported on. */
  isWhole = false
  /** How many references were not changed. */
  rejectedCount = 0
  /** The first of these. */
  readonly rejected: { readonly ref: string; readonly why: string }[] = []
  /** What ended it: an `ERR` packet, or one on side-band 3. */
  error: string | undefined
  /** git's own limit, if a pack was larger: as git words it, or an empty text where it does not. */
  tooLarge: string | undefined
  /** The offset in the last chunk at which `tooLarge` was found out, and a packet may be put in between. */
  tooLargeAt: number | undefined
  #words = ''
  readonly #outer = new PacketReader((payload) => this.#onPacket(payload))
  readonly #inner = new PacketReader((payload) => this.#onLine(payload))

  /** What was said on side-band 2, for people: the last 4 KiB. */
  get words(): string {
    return this.#words
  }

  get isGood(): boolean {
    return this.unpack === 'ok' && this.rejectedCount === 0 && this.error === undefined
  }

  read(chunk: Buffer): void {
    this.tooLargeAt = undefined
    this.#outer.read(chunk)
  }

  #onPacket(payload: Buffer | undefined): void {
    const band = payload?.[0] ?? 0
    if (!payload || band > 3 || band === 0) return this.#onLine(payload)
    if (band === 1) {
      if (payload.length > 1) this.hasBegun = true
      this.#inner.read(payload.subarray(1))
    } else if (band === 3) this.error = payload.toString('utf8', 1).slice(0, maxWords)
    else this.#onWords(payload.toString('utf8', 1))
  }

  #onWords(text: string): void {
    this.#words = (this.#words + text).slice(-maxWords)
    const found = this.tooLarge === undefined ? tooLarge.exec(this.#words) : null
    if (!found) return
    this.tooLarge = found[1] ?? ''
    this.tooLargeAt = this.#outer.offset
  }

  #onLine(payload: Buffer | undefined): void {
    // The flush that ends the report; the one after it ends the reply.
    if (!payload) {
      if (this.unpack !== undefined) this.isWhole = true
      return
    }
    const text = payload.toString().replace(/\n$/, '')
    const [, kind, rest = ''] = /^(unpack|ng|ERR) ([^]*)$/.exec(text) ?? []
    if (kind === 'unpack') {
      this.hasBegun = true
      this.unpack = rest.slice(0, maxTextLength)
    } else if (kind === 'ERR') this.error = rest.slice(0, maxWords)
    else if (kind === 'ng') {
      this.rejectedCount++
      const space = rest.indexOf(' ')
      const [ref, why] = space < 0 ? [rest, ''] : [rest.slice(0, space), rest.slice(space + 1)]
      if (this.rejected.length >= maxRejected) return
      this.rejected.push({ ref: ref.slice(0, maxTextLength), why: why.slice(0, maxTextLength) })
    }
  }
}

/** Cuts a stream into packets. Stops at what is none. */
class PacketReader {
  /** Where the packet ends that is being told of, in the last chunk. */
  offset = 0
  readonly #onPacket: (payload: Buffer | undefined) => void
  #chunks: Buffer[] = []
  #bytes = 0
  #wanted = 4
  #isBroken = false

  constructor(onPacket: (payload: Buffer | undefined) => void) {
    this.#onPacket = onPacket
  }

  read(chunk: Buffer): void {
    if (this.#isBroken) return
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    // What comes in small bits is put together once, not with each bit.
    if (this.#bytes < this.#wanted) return
    const all = Buffer.concat(this.#chunks)
    const before = this.#bytes - chunk.length
    let start = 0
    for (; all.length - start >= 4;) {
      const length = pktLength(all, start)
      if (length === undefined) return this.#break()
      const end = start + Math.max(length, 4)
      this.#wanted = end - start
      if (end > all.length) break
      this.offset = end - before
      start = end
      this.#onPacket(length < 4 ? undefined : all.subarray(end - length + 4, end))
      this.#wanted = 4
    }
    this.#chunks = [all.subarray(start)]
    this.#bytes = all.length - start
  }

  #break(): void {
    this.#isBroken = true
    this.#chunks = []
  }
}
