import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Event } from '../record/event.ts'
import type { OperationIntent } from '../record/intent.ts'
import type { JournalRecord } from '../record/record-line.ts'
import type { EventWriter } from './event-writer.ts'

export type NewOperation = Omit<OperationIntent, 'id' | 'time' | 'existed' | 'toExisted'>

/** An operation that was begun. Both resolve when what came of it is on the disk, or has to wait, and never reject. */
export type ToldOperation = {
  /** It was done. */
  finish(): Promise<void>
  /** It is not known whether it was done: that is looked up. */
  conclude(): Promise<void>
  /** It was not done, or others have told it. */
  abandon(): Promise<void>
}

/** What comes of an operator's change, as for pushes: see push-events.ts. */
export class OperationEvents {
  readonly #writer: EventWriter
  readonly #exists: (repository: string) => boolean
  readonly #open = new Map<string, OperationIntent>()
  /** The names of repositories whose creation was told since the start. Undefined when nothing more is recovered. */
  #recovered: Set<string> | undefined = new Set()

  /** @param exists whether there is a repository of this plain name */
  constructor(writer: EventWriter, exists: (repository: string) => boolean) {
    this.#writer = writer
    this.#exists = exists
  }

  get open(): OperationIntent[] {
    return [...this.#open.values()]
  }

  /** Resolves when the intent is on the disk. Then the operation may begin. @throws {Refusal} `events_unavailable` */
  async begin(operation: NewOperation): Promise<ToldOperation> {
    // What may be told by others is begun by several at once, of which one makes it.
    const existed = operation.mayBeTold !== true && this.#exists(operation.repository)
    const toExisted = operation.to === undefined ? undefined : this.#exists(operation.to)
    const time = new Date().toISOString()
    const intent = { ...operation, id: this.#writer.nextId(), time, existed, toExisted }
    this.#open.set(intent.id, intent)
    try {
      await this.#writer.journal.append([{ intent }])
      return {
        finish: () => this.#finish(intent, true),
        conclude: () => this.#finish(intent, this.#isDone(intent)),
        abandon: () => this.#finish(intent, false),
      }
    } catch (cause) {
      void this.#finish(intent, false)
      throw new Refusal('events_unavailable', { cause })
    }
  }

  /** To be called with each record that is on the disk. */
  onWritten(record: JournalRecord): void {
    if ('done' in record) this.#open.delete(record.done)
    else if ('event' in record && record.event.kind === 'create') this.#recovered?.add(record.event.repository)
  }

  /**
   * What an earlier process has left: judged by what repositories there are. To be called after what pushes have left is
   * told.
   *
   * @param created the names of repositories whose creation it has told
   */
  async recover(intents: readonly OperationIntent[], created: ReadonlySet<string>): Promise<void> {
    const told = new Set([...created, ...(this.#recovered ?? [])])
    this.#recovered = undefined
    for (const intent of intents) {
      this.#open.set(intent.id, intent)
      const isTold = intent.mayBeTold === true && told.has(intent.repository)
      const isDone = !isTold && this.#isDone(intent)
      if (isDone && intent.kind === 'create') told.add(intent.repository)
      await this.#finish(intent, isDone)
    }
  }

  /** Never rejects. */
  async #finish(intent: OperationIntent, isDone: boolean): Promise<void> {
    const { id, time, kind, repository, to, user, requestId } = intent
    const event: Event = {
      id: this.#writer.nextId(),
      time,
      kind,
      repository,
      ...(to !== undefined && { to }),
      ...(user !== undefined && { user }),
      requestId,
    }
    await this.#writer.write([...(isDone ? [{ event, of: id }] : []), { done: id }])
  }

  #isDone({ kind, repository, to, existed, toExisted, isElsewhere }: OperationIntent): boolean {
    const isThere = this.#exists(repository)
    if (kind === 'create') return !existed && isThere
    if (kind === 'delete' || isElsewhere === true) return existed && !isThere
    return existed && !isThere && toExisted === false && this.#exists(to ?? '')
  }
}
