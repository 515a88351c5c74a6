import { wordsBand } from '@sluice/shared/git/packet-reader'
import type { Packet, PacketHead, PacketWatcher } from '@sluice/shared/git/packet-reader'

/** How much of git's messages is searched: the last characters. */
const maxWords = 8192

/** A message for the user, and the offset in the chunk at which it is inserted, in a packet of its own. */
export type Insertion = { readonly at: number; readonly text: string }

/**
 * Tells a user whose push has an object with a defect which setting would allow it. git's own messages come in band 2,
 * and the report in band 1 (gitprotocol-pack(5), "Report Status"); the hint is inserted between the two. A client
 * without side-bands gets neither git's messages nor the hint.
 */
export class DefectHint implements PacketWatcher {
  #found: Insertion | undefined
  #isOver = false
  #words = ''

  /** The hint, once, if its place is in the chunk that was read last. */
  take(): Insertion | undefined {
    const found = this.#found
    this.#found = undefined
    return found
  }

  onHead({ band, size, start }: PacketHead): void {
    if (this.#isOver || band === wordsBand) return
    // A packet that began in an earlier chunk has been sent in part: nothing can be inserted before it.
    const text = start === undefined ? undefined : hintFor(this.#words)
    if (text !== undefined && start !== undefined) this.#found = { at: start, text }
    // A packet that has content but no band is from a reply without side-bands.
    this.#isOver = text !== undefined || (band === undefined && size > 0)
  }

  onPacket({ band, payload }: Packet): void {
    if (this.#isOver || band !== wordsBand || !payload) return
    this.#words = (this.#words + payload.toString('latin1')).slice(-maxWords)
  }
}

/** Undefined where git names no defect that a setting can allow. */
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

/** Defects that no setting can allow: "Cannot demote" in fsck.c. */
const fatal = new Set(['nulInHeader', 'unterminatedHeader'])
