import type { Journal } from '../journal/journal.ts'
import type { EventIds } from '../record/event-id.ts'
import type { JournalRecord } from '../record/record-line.ts'

/** What could not be written is tried again this often. What it came of is on the disk as an intent meanwhile. */
const retryMs = 1000

/** Writes what has happened to the journal, in its order, also where the disk says no for a while. */
export class EventWriter implements Disposable {
  readonly journal: Journal
  readonly #ids: EventIds
  readonly #onWritten: (record: JournalRecord) => void
  #unwritten: JournalRecord[] = []
  #timer: NodeJS.Timeout | undefined

  /** @param onWritten called with each record when it is on the disk */
  constructor(journal: Journal, ids: EventIds, onWritten: (record: JournalRecord) => void) {
    this.journal = journal
    this.#ids = ids
    this.#onWritten = onWritten
  }

  nextId(): string {
    return this.#ids.next()
  }

  /** Resolves when the records are on the disk, or when it is known that they have to wait. Never rejects. */
  async write(records: readonly JournalRecord[]): Promise<void> {
    const all = [...this.#unwritten.splice(0), ...records]
    try {
      await this.journal.append(all)
      for (const record of all) this.#onWritten(record)
    } catch {
      this.#unwritten.push(...all)
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined
        void this.write([])
      }, retryMs).unref()
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }
}
