import { PacketReader, reportBand } from './packet-reader.ts'
import type { Packet, PacketWatcher } from './packet-reader.ts'

/** How many references are remembered by default, and how much of what is said of each, in bytes. */
const usualMost = 100
const maxLineBytes = 8192
const maxWhyBytes = 256

/**
 * What receive-pack says of one reference. Names are bytes, which need not be UTF-8: each character of these texts is
 * one byte.
 */
export type RefResult = {
  /** As the push named it. */
  readonly ref: string
  /** Why it was not changed; undefined where it was. */
  readonly why: string | undefined
  /** Where a proc-receive hook has changed something else than was asked for: what it says of that. */
  readonly instead: { ref?: string; oldId?: string; newId?: string }
}

/**
 * Reads the results of a push from receive-pack's report, reference by reference: gitprotocol-pack(5), "Report Status",
 * both versions. What it keeps is bounded, whatever passes.
 */
export class PushResults implements PacketWatcher {
  /** The first of them, in the order of the report. */
  readonly results: RefResult[] = []
  /** How many there were in all. */
  count = 0
  #rejected = 0
  readonly #most: number
  readonly #lines = new PacketReader({
    onPacket: ({ band, payload }) => {
      if (band === undefined && payload) this.#onLine(payload)
    },
  })

  /** @param most how many references are remembered */
  constructor(most = usualMost) {
    this.#most = most
  }

  /** Whether a report has come so far, in which no reference was changed. */
  get areAllRejected(): boolean {
    return this.#rejected > 0 && this.#rejected === this.count
  }

  onPacket({ band, payload }: Packet): void {
    if (!payload) return
    if (band === undefined) this.#onLine(payload)
    else if (band === reportBand) this.#lines.read(payload)
  }

  #onLine(payload: Buffer): void {
    const line = payload.toString('latin1', 0, maxLineBytes).replace(/\n$/, '')
    const [, kind, rest = ''] = /^(ok|ng|option) ([^]*)$/.exec(line) ?? []
    if (kind === 'ng') this.#rejected++
    if (kind === 'option') this.#onOption(rest)
    else if (kind !== undefined && ++this.count <= this.#most) this.results.push(resultIn(kind, rest))
  }

  /** It belongs to the reference before it. */
  #onOption(text: string): void {
    const last = this.count <= this.#most ? this.results.at(-1) : undefined
    const [, name, value = ''] = /^(refname|old-oid|new-oid) ([^]+)$/.exec(text) ?? []
    if (!last || name === undefined) return
    if (name === 'refname') last.instead.ref = value
    else if (isId.test(value)) last.instead[name === 'old-oid' ? 'oldId' : 'newId'] = value
  }
}

const isId = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/

function resultIn(kind: string, text: string): RefResult {
  const space = kind === 'ng' ? text.indexOf(' ') : -1
  const ref = space < 0 ? text : text.slice(0, space)
  const why = kind === 'ng' ? text.slice(ref.length + 1).slice(0, maxWhyBytes) : undefined
  return { ref, why, instead: {} }
}
