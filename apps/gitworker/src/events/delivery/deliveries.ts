import type { Receiver } from '@sluice/shared/config/events/events-file'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Position } from '../journal/position.ts'
import { namesIn } from '../record/event.ts'
import type { Event } from '../record/event.ts'
import { isReadableByAll } from './secret.ts'
import { ReceiverQueue } from './receiver-queue.ts'
import type { QueueServices } from './receiver-queue.ts'

/** Sends events to all receivers. Each has a queue of its own, so that none holds up another. */
export class Deliveries implements AsyncDisposable {
  readonly #services: QueueServices
  #queues = new Map<string, ReceiverQueue>()
  /** Changes of the file are taken one after the other. */
  #taking: Promise<void> = Promise.resolve()
  #isOver = false

  private constructor(services: QueueServices) {
    this.#services = services
  }

  static async open(receivers: readonly Receiver[], services: QueueServices): Promise<Deliveries> {
    const deliveries = new Deliveries(services)
    await deliveries.take(receivers)
    return deliveries
  }

  /** In the order of the file. */
  get queues(): ReceiverQueue[] {
    return [...this.#queues.values()]
  }

  /** Those that want an event. */
  wanting(event: Event): ReceiverQueue[] {
    return this.queues.filter(({ receiver }) => receiver.wants(event.kind, namesIn(event)))
  }

  /** Those that are still to be sent an event. @param at where it is */
  waitingFor(event: Event, at: Position): ReceiverQueue[] {
    return this.wanting(event).filter((queue) => queue.isWaiting(at, event.repository))
  }

  /** @throws {Refusal} `receiver_missing` */
  find(name: string): ReceiverQueue {
    const queue = this.#queues.get(name)
    if (!queue) throw new Refusal('receiver_missing', { sentence: `There is no receiver ${JSON.stringify(name)}.` })
    return queue
  }

  /** Replaces all receivers. One that goes on under its name goes on with what waits for it. Never rejects. */
  async take(receivers: readonly Receiver[]): Promise<void> {
    this.#taking = this.#taking
      .then(() => this.#take(receivers))
      .catch((err: unknown) => this.#services.log.error({ err }, 'the receivers of events could not be changed'))
    await this.#taking
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    await this.#taking
    await Promise.all(this.queues.map((queue) => queue[Symbol.asyncDispose]()))
  }

  async #take(receivers: readonly Receiver[]): Promise<void> {
    if (this.#isOver) return
    const before = this.#queues
    const after = new Map<string, ReceiverQueue>()
    for (const receiver of receivers) {
      const known = before.get(receiver.name)
      known?.take(receiver)
      after.set(receiver.name, known ?? (await ReceiverQueue.open(receiver, this.#services)))
      await this.#warnOfSecret(receiver)
    }
    this.#queues = after
    for (const queue of before.values()) if (!after.has(queue.name)) await queue[Symbol.asyncDispose]()
  }

  async #warnOfSecret({ name, secretFile }: Receiver): Promise<void> {
    if (secretFile === undefined || !(await isReadableByAll(secretFile))) return
    this.#services.log.warn(
      { receiver: name },
      `Every user of this machine may read ${secretFile}, which has a secret in it: chmod o= ${secretFile}`,
    )
  }
}
