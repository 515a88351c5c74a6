import { wordsBand } from '@sluice/shared/git/packet-reader'
import type { Packet, PacketHead, PacketWatcher } from '@sluice/shared/git/packet-reader'

/** How much of git's words is looked at: their end. */
const maxWords = 8192

/** Words for the user, and the offset in a chunk at which they are to be put in, in a packet of their own. */
export type Insertion = { readonly at: number; readonly text: string }

/**
 * Says to whoever pushes an object with a defect which setting lets that one through, in a line behind git's own words. Those
 * come in band 2, and the report, before which the line is put, in band 1 (gitprotocol-pack(5), "Report Status"). A client
 * that takes no bands gets no words of git's either.
 */
export class DefectHint implements PacketWatcher {
  #found: Insertion | undefined
  #isOver = false
  #words = ''

  /** The hint, once, when it has been found out in the last chunk that one belongs there. */
  take(): Insertion | undefined {
    const found = this.#found
    this.#found = undefined
    return found
  }

  onHead({ band, size, start }: PacketHead): void {
    if (this.#isOver || band === wordsBand) return
    // What has begun in an earlier chunk is on its way.
    const text = start === undefined ? undefined : hintFor(this.#words)
    if (text !== undefined && start !== undefined) this.#found = { at: start, text }
    // What has content and no band is of a reply without bands.
    this.#isOver = text !== undefined || (band === undefined && size > 0)
  }

  onPacket({ band, payload }: Packet): void {
    if (this.#isOver || band !== wordsBand || !payload) return
    this.#words = (this.#words + payload.toString('latin1')).slice(-maxWords)
  }
}

/** Undefined where git names no defect that can be let through. */
function hintFor(words: string): string | undefined {
  // report() in fsck.c and fsck_error_function() in its callers.
  const [, defect] = /(?:^|\n)error: object [0-9a-f]{40,64}: ([a-zA-Z0-9]+): /.exec(words) ?? []
  if (defect === undefined || fatal.has(defect)) return undefined
  const lines = [
    `hint: "${defect}" is a defect that this repository does not take. Where its operator knows it to be`,
    `hint: harmless there, "git config receive.fsck.${defect} ignore" in the repository lets it through.`,
  ]
  return `${words.endsWith('\n') ? '' : '\n'}${lines.join('\n')}\n`
}

/** No setting lets these through: "Cannot demote" in fsck.c. */
const fatal = new Set(['nulInHeader', 'unterminatedHeader'])
