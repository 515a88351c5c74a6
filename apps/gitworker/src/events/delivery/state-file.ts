import { within } from '@sluice/shared/machine/race'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { Journal } from '../journal/journal.ts'
import { segmentsIn } from '../journal/segments.ts'
import { readState, writeState } from './receiver-state.ts'
import type { Parked, ReceiverState } from './receiver-state.ts'

/** More often, and each event would cost an fsync. */
const saveEveryMs = 2000

const mostParked = 1000

const diskMs = 5000

/** Keeps how far a receiver has come, on the disk a moment later. A process that is killed sends some events once more. */
export class StateFile {
  #state: ReceiverState
  readonly #journal: string
  readonly #receiver: string
  readonly #log: Logger
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> = Promise.resolve()
  #isWrong = false

  private constructor(journal: string, receiver: string, state: ReceiverState, log: Logger) {
    this.#journal = journal
    this.#receiver = receiver
    this.#state = state
    this.#log = log
  }

  /** A receiver without a file is new: it begins at the journal's end. */
  static async open(journal: Journal, receiver: string, log: Logger): Promise<StateFile> {
    const found = await readState(journal.folder, receiver)
    const file = new StateFile(journal.folder, receiver, { cursor: journal.end, lanes: [], parked: [] }, log)
    if (found === 'broken') {
      log.error(
        { receiver },
        'it is not known how far this receiver had come: it is sent all events of the journal again',
      )
      const [first] = await segmentsIn(journal.folder)
      file.#state = { ...file.#state, cursor: { segment: first?.number ?? 0, offset: 0 } }
    }
    if (found !== undefined && found !== 'broken') file.#state = found
    // From now on, what happens is for it, too.
    else await file.flush()
    return file
  }

  get state(): ReceiverState {
    return this.#state
  }

  get parked(): readonly Parked[] {
    return this.#state.parked
  }

  note(progress: Pick<ReceiverState, 'cursor' | 'lanes'>): void {
    this.#change(progress)
  }

  /** The oldest is forgotten where there are too many. */
  park(parked: Parked): void {
    this.#change({ parked: [...this.#state.parked, parked].slice(-mostParked) })
  }

  /** @returns whether it was parked */
  unpark(id: string): boolean {
    const parked = this.#state.parked.filter((one) => one.id !== id)
    const wasParked = parked.length < this.#state.parked.length
    if (wasParked) this.#change({ parked })
    return wasParked
  }

  /** Resolves when all is on the disk, or the disk says no. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#save()
    await within(diskMs, this.#writing, undefined)
  }

  #change(change: Partial<ReceiverState>): void {
    this.#state = { ...this.#state, ...change }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#save()
    }, saveEveryMs).unref()
  }

  #save(): void {
    this.#writing = this.#writeAfter(this.#writing)
  }

  /** Never rejects. */
  async #writeAfter(before: Promise<void>): Promise<void> {
    await before
    try {
      await writeState(this.#journal, this.#receiver, this.#state)
      this.#isWrong = false
    } catch (err) {
      if (!this.#isWrong)
        this.#log.error({ err, receiver: this.#receiver }, 'how far a receiver has come cannot be noted')
      this.#isWrong = true
    }
  }
}
