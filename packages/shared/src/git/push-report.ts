import { errorBand, PacketReader, wordsBand } from './packet-reader.ts'
import type { Packet, PacketHead, PacketWatcher } from './packet-reader.ts'

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
   * push was to do is done, or has been refused. (An empty packet on side-band 1 is a sign of life only.)
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
  /**
   * Whether the report has begun, or may begin with the next byte. Known before any byte of the report has come: from the
   * head of its packet.
   */
  mayHaveBegun = false
  #words = ''
  readonly #packets: PacketReader
  /** The report's own packets, within those of its side-band. */
  readonly #lines = new PacketReader({
    onPacket: ({ band, payload }) => {
      if (band === undefined) this.#onLine(payload)
    },
  })

  /** @param others watch the same packets; they are told before this is */
  constructor(...others: readonly PacketWatcher[]) {
    this.#packets = new PacketReader(...others, {
      onHead: (head) => this.#onHead(head),
      onPacket: (packet) => this.#onPacket(packet),
      onBreak: () => (this.mayHaveBegun = true),
    })
  }

  /** What was said on side-band 2, for people: the last 4 KiB. */
  get words(): string {
    return this.#words
  }

  get isGood(): boolean {
    return this.unpack === 'ok' && this.rejectedCount === 0 && this.error === undefined
  }

  read(chunk: Buffer): void {
    this.tooLargeAt = undefined
    this.#packets.read(chunk)
  }

  #onHead({ band, size }: PacketHead): void {
    if (size > 0 && band !== wordsBand && band !== errorBand) this.mayHaveBegun = true
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
