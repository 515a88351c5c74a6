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
}

/** What comes of an operator's change, as for pushes: see push-events.ts. */
export class OperationEvents {
  readonly #writer: EventWriter
  readonly #exists: (repository: string) => boolean
  readonly #open = new Map<string, OperationIntent>()

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
    const existed = this.#exists(operation.repository)
    const toExisted = operation.to === undefined ? undefined : this.#exists(operation.to)
    const time = new Date().toISOString()
    const intent = { ...operation, id: this.#writer.nextId(), time, existed, toExisted }
    this.#open.set(intent.id, intent)
    try {
      await this.#writer.journal.append([{ intent }])
      return { finish: () => this.#finish(intent, true), conclude: () => this.#finish(intent, this.#isDone(intent)) }
    } catch (cause) {
      void this.#finish(intent, false)
      throw new Refusal('events_unavailable', { cause })
    }
  }

  /** To be called with each record that is on the disk. */
  onWritten(record: JournalRecord): void {
    if ('done' in record) this.#open.delete(record.done)
  }

  /** What an earlier process has left: judged by what repositories there are. */
  async recover(intents: readonly OperationIntent[]): Promise<void> {
    for (const intent of intents) {
      this.#open.set(intent.id, intent)
      await this.#finish(intent, this.#isDone(intent))
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

  #isDone({ kind, repository, to, existed, toExisted }: OperationIntent): boolean {
    const isThere = this.#exists(repository)
    if (kind === 'create') return !existed && isThere
    if (kind === 'delete') return existed && !isThere
    return existed && !isThere && toExisted === false && this.#exists(to ?? '')
  }
}
