import { shownBytes } from '../../audit/audit-line.ts'
import type { RefChange } from '../../operations/ref-change.ts'
import type { IntendedRef, PushIntent } from '../record/intent.ts'

/** A reference of a push that is open. */
export type OpenRef = IntendedRef & { readonly push: OpenPush; readonly index: number }

type MadeChange = RefChange & { readonly new: string }

/** What git did with a reference, and the position of the one that was asked for, if that was another, or none. */
export type TakenChange = { readonly change: MadeChange; readonly index: number | undefined }

/**
 * A push of which it is not written yet what came of it:
 *
 *   runs ──git says what it did──▶ settled ──▶ closed: `done` is to be written
 *     └── git has ended without a word ──▶ over ──a look at the references──▶ settled
 */
export class OpenPush {
  readonly intent: PushIntent
  /** Whether nothing of it runs any more, and all that is known must come from a look. */
  isOver = false
  isClosed = false
  /** References whose event is on the disk, by their positions in the intent. */
  readonly told: Set<number>
  /** Those of which it is known what became of them. */
  readonly #settled: Set<number>
  readonly #shown: readonly string[]
  /** Of references in the intent, by name. Made when somebody asks. */
  #positions: ReadonlyMap<string, number> | undefined

  constructor(intent: PushIntent) {
    this.intent = intent
    this.told = new Set(intent.told)
    this.#settled = new Set(intent.told)
    this.#shown = intent.refs.map(({ ref }) => shownBytes(ref))
  }

  /** Those that are not settled yet. */
  get refs(): OpenRef[] {
    return this.intent.refs
      .map((ref, index) => ({ ...ref, push: this, index }))
      .filter(({ index }) => !this.#settled.has(index))
  }

  /** The one of this name; undefined where there is none, or it is settled. */
  openRef(name: string): OpenRef | undefined {
    this.#positions ??= new Map(this.intent.refs.map(({ ref }, index) => [ref, index]))
    const index = this.#positions.get(name)
    const ref = index === undefined ? undefined : this.intent.refs[index]
    return index === undefined || !ref || this.#settled.has(index) ? undefined : { ...ref, push: this, index }
  }

  settle({ index }: Pick<OpenRef, 'index'>): void {
    this.#settled.add(index)
  }

  /** As it is written down again at the beginning of a segment. */
  get written(): PushIntent {
    return { ...this.intent, told: [...this.told] }
  }

  /**
   * Takes git's word. References of which it says nothing certain stay open. What is known already is left out: a later
   * push has shown it.
   *
   * @returns what was changed
   */
  take(changes: readonly RefChange[]): TakenChange[] {
    const asked = new Map(this.#shown.map((name, index) => [name, index]))
    const known = new Set(this.#settled)
    return changes.flatMap((change) => {
      if (change.result === 'unknown') return []
      const index = asked.get(change.asked ?? change.ref)
      if (index !== undefined) this.settle({ index })
      const { result, old, new: id } = change
      const isChange = result === 'ok' && id !== undefined && old !== id
      return isChange && (index === undefined || !known.has(index)) ? [{ change: { ...change, new: id }, index }] : []
    })
  }
}
