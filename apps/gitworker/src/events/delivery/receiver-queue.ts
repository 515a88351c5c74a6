import PQueue from 'p-queue'
import type { Agent } from 'undici'
import type { Receiver } from '@sluice/shared/config/events/events-file'
import { within } from '@sluice/shared/machine/race'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { Journal } from '../journal/journal.ts'
import type { Position } from '../journal/position.ts'
import { namesIn } from '../record/event.ts'
import { pauseAfter, triedForMs } from './backoff.ts'
import { connectionsTo, deliver } from './deliver.ts'
import type { Attempt } from './deliver.ts'
import { LaneFeed } from './lane-feed.ts'
import type { Lane } from './lane-feed.ts'
import { payloadOf } from './payload.ts'
import type { Payload } from './payload.ts'
import type { Parked } from './receiver-state.ts'
import { StateFile } from './state-file.ts'

/*
 * What one receiver is sent:
 *
 *   its turn has come ──▶ sends ──taken──▶ over: the repository's next event
 *                         │   ▲                          ▲
 *                     not taken, pause that doubles      │
 *                         └────for a day──▶ parked ──────┘
 *
 * Events of a repository keep their order, and one that is not taken holds up its repository only. A receiver that takes
 * nothing holds up itself.
 */

const sendsAtOnce = 4

/** When the host stops, a request to a receiver may take so long. */
const lastWordsMs = 2000

export type QueueServices = {
  readonly journal: Journal
  readonly publicUrl: URL | undefined
  readonly log: Logger
  readonly onAttempt: (receiver: string, attempt: Attempt) => void
  /** For tests. */
  readonly pauseAfter?: (attempts: number) => number
  readonly triedFor?: number
}

export class ReceiverQueue implements AsyncDisposable {
  readonly name: string
  #receiver: Receiver
  #agent: Agent
  readonly #services: QueueServices
  readonly #file: StateFile
  readonly #feed: LaneFeed
  readonly #startedAt = Date.now()
  readonly #sending = new PQueue({ concurrency: sendsAtOnce })
  readonly #ending = new AbortController()
  readonly #timers = new Set<NodeJS.Timeout>()
  /** Since this process has started. The time is in ISO 8601. */
  lastFailure: { readonly at: string; readonly why: string } | undefined

  private constructor(receiver: Receiver, services: QueueServices, file: StateFile) {
    this.name = receiver.name
    this.#receiver = receiver
    this.#services = services
    this.#agent = connectionsTo(receiver, sendsAtOnce)
    this.#file = file
    this.#feed = new LaneFeed(file.state.cursor, {
      ...services,
      name: receiver.name,
      wants: (event) => this.#receiver.wants(event.kind, namesIn(event)),
      onLane: (lane) => this.#sendSoon(lane),
      onMoved: () => this.#note(),
    })
  }

  /** Goes on where it was left off. A receiver that is new begins with what comes next. */
  static async open(receiver: Receiver, services: QueueServices): Promise<ReceiverQueue> {
    const file = await StateFile.open(services.journal, receiver.name, services.log)
    const { lanes } = file.state
    const queue = new ReceiverQueue(receiver, services, file)
    for (const { repository, at } of lanes) await queue.#feed.fill(repository, at)
    queue.#feed.readOn()
    return queue
  }

  /** Its entry has changed. What is being sent goes on as it was. */
  take(receiver: Receiver): void {
    const before = this.#agent
    this.#receiver = receiver
    this.#agent = connectionsTo(receiver, sendsAtOnce)
    void before.close().catch(() => {})
  }

  get receiver(): Receiver {
    return this.#receiver
  }

  get parked(): readonly Parked[] {
    return this.#file.parked
  }

  /** The events that it has not taken come at this place or after it. */
  get lowWater(): Position {
    return this.#feed.lanes[0]?.at ?? this.#feed.cursor
  }

  /** The oldest event that is tried. Undefined where there is none. */
  get oldest(): Lane | undefined {
    return this.#feed.lanes[0]
  }

  /** Whether an event of a repository is still to be sent. */
  isWaiting(at: Position, repository: string): boolean {
    return this.#feed.isWaiting(at, repository)
  }

  /** Sends something at once, beside all that waits. @throws the signal's reason */
  async sendNow(id: string, payload: Payload, signal: AbortSignal): Promise<Attempt> {
    const either = AbortSignal.any([signal, this.#ending.signal])
    const attempt = await deliver(this.#receiver, this.#agent, id, payload, either)
    if (attempt.isTaken) this.#file.unpark(id)
    return attempt
  }

  /** What is being sent may come to its end; what waits is sent by the next process. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#sending.pause()
    this.#sending.clear()
    await this.#feed[Symbol.asyncDispose]()
    await within(lastWordsMs, this.#sending.onIdle(), undefined)
    this.#ending.abort(new Error('The supervisor stops.'))
    await this.#sending.onIdle()
    this.#note()
    await this.#file.flush()
    await this.#agent.destroy().catch(() => {})
  }

  #sendSoon(lane: Lane): void {
    void this.#sending.add(() => this.#send(lane))
  }

  /** Never rejects. */
  async #send(lane: Lane): Promise<void> {
    if (this.#ending.signal.aborted) return
    const { publicUrl, onAttempt, log } = this.#services
    const { id, repository } = lane.event
    const line = { receiver: this.name, event: id, repository }
    try {
      const payload = payloadOf(lane.event, publicUrl)
      const attempt = await deliver(this.#receiver, this.#agent, id, payload, this.#ending.signal)
      onAttempt(this.name, attempt)
      if (attempt.isTaken) {
        log.debug({ ...line, ...attempt }, 'an event was sent')
        return await this.#feed.goOn(lane)
      }
      lane.attempts++
      this.lastFailure = { at: new Date().toISOString(), why: attempt.why ?? '' }
      log.warn({ ...line, ...attempt, attempts: lane.attempts }, 'a receiver has not taken an event')
      await this.#pauseOrPark(lane, attempt.why ?? '')
    } catch (err) {
      if (this.#ending.signal.aborted) return
      log.error({ ...line, err }, 'an event was not sent')
      this.#sendLater(lane)
    }
  }

  async #pauseOrPark(lane: Lane, why: string): Promise<void> {
    const { event, repository, at, attempts } = lane
    const until = Math.max(Date.parse(event.time), this.#startedAt) + (this.#services.triedFor ?? triedForMs)
    if (this.#sendLater(lane, until)) return
    this.#file.park({ id: event.id, at, repository, attempts, parkedAt: new Date().toISOString(), why })
    const line = { receiver: this.name, event: event.id, repository, why }
    this.#services.log.error(line, 'an event is parked: its receiver has not taken it for too long')
    await this.#feed.goOn(lane)
  }

  /** @returns false where it would be too late then */
  #sendLater(lane: Lane, until = Infinity): boolean {
    const pause = (this.#services.pauseAfter ?? pauseAfter)(Math.max(1, lane.attempts))
    if (Date.now() + pause >= until) return false
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#sendSoon(lane)
    }, pause).unref()
    this.#timers.add(timer)
    return true
  }

  #note(): void {
    const lanes = this.#feed.lanes.map(({ repository, at }) => ({ repository, at }))
    this.#file.note({ cursor: this.#feed.cursor, lanes })
  }
}
