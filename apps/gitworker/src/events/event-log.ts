import type { Logger } from '@sluice/shared/telemetry/log'
import { makeFolders } from '@sluice/shared/machine/make-folders'
import { EventWriter } from './intent/event-writer.ts'
import { OpenPushes } from './intent/open-pushes.ts'
import { OperationEvents } from './intent/operation-events.ts'
import { UploadCreations } from './intent/upload-creations.ts'
import { PushEvents } from './intent/push-events.ts'
import type { LookAtRefs } from './intent/push-events.ts'
import { Journal } from './journal/journal.ts'
import { readLeft } from './journal/last-segment.ts'
import type { Left } from './journal/last-segment.ts'
import type { Event } from './record/event.ts'
import { EventIds } from './record/event-id.ts'
import type { Intent, OperationIntent, PushIntent } from './record/intent.ts'

export type EventLogOptions = {
  /** Of this process alone. Made if it is missing. */
  readonly folder: string
  readonly look: LookAtRefs
  /** Whether there is a repository of this plain name. */
  readonly exists: (repository: string) => boolean
  /** What is free on the folder's disk; undefined where that is not known. */
  readonly freeBytes: () => Promise<number | undefined>
  /** Called with each event when it is on the disk. */
  readonly onEvent: (event: Event) => void
  readonly log: Logger
  /** For tests. */
  readonly segmentBytes?: number
}

/** What happens to repositories, written down so that nothing is lost: see intent/ and journal/. */
export class EventLog implements AsyncDisposable {
  readonly journal: Journal
  readonly pushes: PushEvents
  readonly operations: OperationEvents
  readonly creations: UploadCreations
  readonly #ids: EventIds
  readonly #left: Left
  readonly #parts: AsyncDisposableStack

  private constructor(
    journal: Journal,
    pushes: PushEvents,
    operations: OperationEvents,
    creations: UploadCreations,
    ids: EventIds,
    left: Left,
    parts: AsyncDisposableStack,
  ) {
    this.journal = journal
    this.pushes = pushes
    this.operations = operations
    this.creations = creations
    this.#ids = ids
    this.#left = left
    this.#parts = parts
  }

  /** @throws the system's error where the folder cannot be written to */
  static async open({
    folder,
    look,
    exists,
    freeBytes,
    onEvent,
    log,
    segmentBytes,
  }: EventLogOptions): Promise<EventLog> {
    await makeFolders(folder, 0o700)
    await using parts = new AsyncDisposableStack()
    const left = await readLeft(folder)
    const ids = new EventIds(left.last?.lastEventId)
    const openPushes = new OpenPushes(() => ids.next())
    // A segment begins with what is open. Before the parts below take it over, that is what was left.
    let openIntents: () => readonly Intent[] = () => left.intents
    const openRecords = () => openIntents().map((intent) => ({ intent }))
    const options = {
      folder,
      log,
      freeBytes,
      openRecords,
      last: left.last,
      ...(segmentBytes !== undefined && { segmentBytes }),
    }
    const journal = parts.use(await Journal.open(options))
    const writer: EventWriter = parts.use(
      new EventWriter(journal, ids, (record) => {
        openPushes.onWritten(record)
        operations.onWritten(record)
        if ('done' in record) notTakenOver.delete(record.done)
        if ('event' in record) onEvent(record.event)
      }),
    )
    const operations = new OperationEvents(writer, exists)
    const notTakenOver = new Map(left.intents.map((intent) => [intent.id, intent]))
    openIntents = () => {
      const known = [...openPushes.all.map(({ written }) => written), ...operations.open]
      return [...new Map([...notTakenOver, ...known.map((intent): [string, Intent] => [intent.id, intent])]).values()]
    }
    const pushes = parts.use(new PushEvents(writer, openPushes, look, log))
    const creations = new UploadCreations(journal, operations, openPushes)
    return new EventLog(journal, pushes, operations, creations, ids, left, parts.move())
  }

  nextId(): string {
    return this.#ids.next()
  }

  /** Finds out what came of pushes that an earlier process has left. None of its processes may live any more. */
  async recoverPushes(): Promise<void> {
    const pushes = this.#left.intents.filter((intent): intent is PushIntent => intent.kind === 'push')
    await this.pushes.recover(pushes, this.#left.created)
  }

  /** The same for operations, once moves that were begun are settled. */
  async recoverOperations(): Promise<void> {
    await this.operations.recover(
      this.#left.intents.filter((intent): intent is OperationIntent => intent.kind !== 'push'),
      this.#left.created,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync()
  }
}
