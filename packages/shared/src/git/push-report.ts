import { errorBand, PacketReader, wordsBand } from './packet-reader.ts'
import type { Packet, PacketHead, PacketWatcher } from './packet-reader.ts'

/** How many rejected references are remembered, and how much of what is said of each. */
const maxRejected = 10
const maxTextLength = 256

/** How much is remembered of what git and its hooks say to the user: the end of it. */
const maxWords = 4096

/** What git says of a pack that is too large (index-pack.c, unpack-objects.c). */
const tooLarge = /pack exceeds maximum allowed size(?: \(([\d.]+ [A-Za-z]+)\))?/

/**
 * Reads what receive-pack tells its client as it passes: gitprotocol-pack(5), "Report Status", with side-band or
 * without. What it keeps is bounded, whatever passes.
 */
export class PushReport {
  /** `ok`, or why the pack was not taken. Undefined as long as git has not said so. */
  unpack: string | undefined
  /**
   * Whether the report has begun. git writes it after the references have moved and before post-receive runs, so by
   * then the push has been done or refused. (An empty packet on side-band 1 is only a sign of life.)
   */
  hasBegun = false
  /** Whether all references have been reported on. */
  isWhole = false
  /** How many references were not changed. */
  rejectedCount = 0
  /** The first of these. */
  readonly rejected: { readonly ref: string; readonly why: string }[] = []
  /** The text of the packet that ended the push: an `ERR` packet, or one on side-band 3. */
  error: string | undefined
  /** Where the pack was larger than git allows: the limit as git words it, or an empty text where git does not say. */
  tooLarge: string | undefined
  /**
   * The offset in the last chunk, between two packets, at which `tooLarge` became known. A packet may be inserted
   * there.
   */
  tooLargeAt: number | undefined
  /**
   * Whether the report has begun, or may begin with the next byte. The head of its packet tells, before any byte of the
   * report itself has come.
   */
  mayHaveBegun = false
  /** Where the report's first packet begins in the last chunk. Undefined where it begins in none, or an earlier one. */
  begunAt: number | undefined
  #words = ''
  readonly #packets: PacketReader
  /** The report's own packets, within those of its side-band. */
  readonly #lines = new PacketReader({
    onPacket: ({ band, payload }) => {
      if (band === undefined) this.#onLine(payload)
    },
  })

  /** @param others get each packet before this report does */
  constructor(...others: readonly PacketWatcher[]) {
    this.#packets = new PacketReader(...others, {
      onHead: (head) => this.#onHead(head),
      onPacket: (packet) => this.#onPacket(packet),
      onBreak: () => (this.mayHaveBegun = true),
    })
  }

  /** The last 4 KiB of what was said on side-band 2, for people. */
  get words(): string {
    return this.#words
  }

  get isGood(): boolean {
    return this.unpack === 'ok' && this.rejectedCount === 0 && this.error === undefined
  }

  read(chunk: Buffer): void {
    this.tooLargeAt = undefined
    this.begunAt = undefined
    this.#packets.read(chunk)
  }

  #onHead({ band, size, start }: PacketHead): void {
    if (this.mayHaveBegun || size === 0 || band === wordsBand || band === errorBand) return
    this.mayHaveBegun = true
    this.begunAt = start
  }

  #onPacket({ band, payload, end }: Packet): void {
    if (band === undefined || !payload) this.#onLine(payload)
    else if (band === wordsBand) this.#onWords(payload.toString(), end)
    else if (band === errorBand) this.error = payload.toString().slice(0, maxWords)
    else if (payload.length > 0) {
      this.hasBegun = true
      this.#lines.read(payload)
    }
  }

  #onWords(text: string, end: number): void {
    this.#words = (this.#words + text).slice(-maxWords)
    const found = this.tooLarge === undefined ? tooLarge.exec(this.#words) : null
    if (!found) return
    this.tooLarge = found[1] ?? ''
    this.tooLargeAt = end
  }

  #onLine(payload: Buffer | undefined): void {
    // The first flush ends the report, the second one ends the reply.
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
