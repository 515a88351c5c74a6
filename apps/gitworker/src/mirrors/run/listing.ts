import { createHash } from 'node:crypto'
import type { RefSelection } from '@sluice/shared/config/mirrors/ref-selection'
import { isRefName } from '../../git/ref-name.ts'
import { MirrorError } from './mirror-error.ts'

/** References by full name, each with its object's id. Names have one character for each byte. */
export type References = ReadonlyMap<string, string>

/** What an upstream shows of the references that a mirror has. */
export type Listing = {
  readonly references: References
  /** The branch that its HEAD leads to; undefined where it does not say, or HEAD is detached. */
  readonly head: string | undefined
  /** By the length of ids. Undefined where there are none. */
  readonly format: 'sha1' | 'sha256' | undefined
  /** How many references are not selected. */
  readonly leftOut: number
  /** The same for the same references and the same HEAD. */
  readonly digest: string
}

/** More would take too much memory. */
const maxReferences = 1_000_000
const maxBytes = 512 * 2 ** 20
/** git's names of references are file names, so no line is longer than some of these. */
const maxLineLength = 8192

/**
 * Reads the output of `git ls-remote --symref` or `git for-each-ref`, as it comes, and keeps what is selected:
 *
 *   ref: refs/heads/main\tHEAD
 *   <id>\tHEAD
 *   <id>\trefs/heads/main
 *   <id>\trefs/tags/v1^{}        the object that a tag leads to, which is left out
 */
export class ListingReader {
  readonly #selection: RefSelection
  readonly #references = new Map<string, string>()
  readonly #hash = createHash('sha256')
  #head: string | undefined
  #format: Listing['format']
  #leftOut = 0
  #rest = ''
  #bytes = 0

  constructor(selection: RefSelection) {
    this.#selection = selection
  }

  /** @throws {MirrorError} `too_many`, `bad_answer` */
  read(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > maxBytes) throw new MirrorError('too_many')
    const lines = (this.#rest + chunk.toString('latin1')).split('\n')
    this.#rest = lines.pop()!
    if (this.#rest.length > maxLineLength) throw new MirrorError('bad_answer', 'A name is too long.')
    for (const line of lines) this.#readLine(line)
  }

  end(): Listing {
    const digest = this.#hash.update(`head ${this.#head ?? ''}`).digest('base64')
    return { references: this.#references, head: this.#head, format: this.#format, leftOut: this.#leftOut, digest }
  }

  #readLine(line: string): void {
    const [, target] = /^ref: (\S+)\tHEAD$/.exec(line) ?? []
    if (target !== undefined) {
      this.#head = isRefName(target) && target.startsWith('refs/heads/') ? target : undefined
      return
    }
    const [, id, ref] = /^([0-9a-f]{40}|[0-9a-f]{64})\t(refs\/.+)$/.exec(line) ?? []
    // git takes no reference with any other name either.
    if (id === undefined || ref === undefined || !isRefName(ref)) return
    if (!this.#selection.includes(ref)) {
      this.#leftOut++
      return
    }
    this.#format ??= id.length === 40 ? 'sha1' : 'sha256'
    this.#references.set(ref, id)
    this.#hash.update(`${line}\n`)
    if (this.#references.size > maxReferences) throw new MirrorError('too_many')
  }
}

/** One reference that is not what it was. Zeros stand for none. */
export type Difference = { readonly ref: string; readonly old: string; readonly new: string }

export function differencesOf(before: References, after: References): Difference[] {
  const found: Difference[] = []
  for (const [ref, id] of after) {
    const old = before.get(ref)
    if (old !== id) found.push({ ref, old: old ?? zeros(id), new: id })
  }
  for (const [ref, id] of before) if (!after.has(ref)) found.push({ ref, old: id, new: zeros(id) })
  return found
}

function zeros(id: string): string {
  return '0'.repeat(id.length)
}
