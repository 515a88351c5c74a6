import { pktLine } from '@sluice/shared/pkt-line'

/** Four digits and the number of a band. */
const headBytes = 5
const reportBand = 1
const wordsBand = 2
const errorBand = 3

/** How much of git's words is looked at: their end. */
const maxWords = 8192

/**
 * Says to whoever pushes an object with a defect which setting lets that one through, in a line behind git's own words. Those
 * come in band 2, and the report, before which the line is put, in band 1 (gitprotocol-pack(5), "Report Status"). A client
 * that takes no bands gets no words of git's either.
 */
export class DefectHint {
  #isOver = false
  /** The beginning of a packet that came in parts, and what is still to come of one. */
  #head = ''
  #left = 0
  #isWords = false
  #words = ''

  /**
   * @param chunk the next of git's output
   * @returns what the client is to get in its place; undefined where that is the chunk itself
   */
  take(chunk: Buffer): Buffer | undefined {
    for (let offset = 0; offset < chunk.length && !this.#isOver;) {
      if (this.#left > 0) {
        const part = chunk.subarray(offset, offset + this.#left)
        this.#left -= part.length
        offset += part.length
        if (this.#isWords) this.#words = (this.#words + part.toString('latin1')).slice(-maxWords)
        continue
      }
      const start = this.#head === '' ? offset : undefined
      offset += this.#readHead(chunk, offset)
      // What has begun in an earlier chunk is on its way.
      const hint = start !== undefined && !this.#isWords && this.#head === '' ? hintFor(this.#words) : undefined
      if (start === undefined || hint === undefined) continue
      this.#isOver = true
      return Buffer.concat([chunk.subarray(0, start), Buffer.from(hint), chunk.subarray(start)])
    }
    return undefined
  }

  /** @returns how many bytes it took */
  #readHead(chunk: Buffer, offset: number): number {
    const before = this.#head.length
    const head = this.#head + chunk.toString('latin1', offset, offset + headBytes - before)
    this.#head = head
    if (head.length < 4) return head.length - before
    const length = /^[0-9a-f]{4}/i.test(head) ? parseInt(head.slice(0, 4), 16) : undefined
    // A flush packet, which has no band.
    if (length === 0) return this.#begin(0, false, 4 - before)
    if (head.length < headBytes) return head.length - before
    const band = head.charCodeAt(4)
    if (length === undefined || length < headBytes || band < reportBand || band > errorBand) this.#isOver = true
    return this.#begin((length ?? 0) - headBytes, band === wordsBand, headBytes - before)
  }

  #begin(left: number, isWords: boolean, took: number): number {
    this.#head = ''
    this.#left = Math.max(0, left)
    this.#isWords = isWords
    return took
  }
}

/** In a packet; undefined where git names no defect that can be let through. */
function hintFor(words: string): string | undefined {
  // report() in fsck.c and fsck_error_function() in its callers.
  const [, defect] = /(?:^|\n)error: object [0-9a-f]{40,64}: ([a-zA-Z0-9]+): /.exec(words) ?? []
  if (defect === undefined || fatal.has(defect)) return undefined
  const lines = [
    `hint: "${defect}" is a defect that this repository does not take. Where its operator knows it to be`,
    `hint: harmless there, "git config receive.fsck.${defect} ignore" in the repository lets it through.`,
  ]
  const text = `${words.endsWith('\n') ? '' : '\n'}${lines.join('\n')}\n`
  return pktLine(`${String.fromCharCode(wordsBand)}${text}`)
}

/** No setting lets these through: "Cannot demote" in fsck.c. */
const fatal = new Set(['nulInHeader', 'unterminatedHeader'])
