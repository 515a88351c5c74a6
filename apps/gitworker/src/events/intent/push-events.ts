import { within } from '@sluice/shared/machine/race'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { RefChange } from '../../operations/ref-change.ts'
import type { PushIntent } from '../record/intent.ts'
import type { JournalRecord } from '../record/record-line.ts'
import type { EventWriter } from './event-writer.ts'
import { judgeRefs } from './judge-refs.ts'
import { OpenPush } from './open-push.ts'
import type { OpenPushes } from './open-pushes.ts'

/*
 * What comes of pushes, so that nothing is lost if this process is killed at any moment:
 *
 *   begin: the intent is on the disk ─▶ git may change references ─▶ finish: events and `done` are on the disk ─▶ the
 *   client is told
 *
 * An intent without `done` is settled by a look at the references: at once where git has ended without a word, or when the
 * next process starts.
 */

/** How long a push waits for the look at its references. It goes on after that. */
const lookMs = 5000

const lookAgainMs = 10_000

/** So many references are looked at with one command of git. */
const looksAtOnce = 100

export type NewPush = Omit<PushIntent, 'id' | 'time' | 'kind' | 'told'>

/** What is now: the id of each reference by its name; undefined where there is no such repository. @throws where git cannot say */
export type LookAtRefs = (
  folder: string,
  refs: readonly string[],
) => Promise<ReadonlyMap<string, string | undefined> | undefined>

/** A push names more only if it is a mirror of a whole repository. Those beyond are counted. */
export const maxRefs = 1000

export class PushEvents implements Disposable {
  readonly #writer: EventWriter
  readonly #pushes: OpenPushes
  readonly #look: LookAtRefs
  readonly #log: Logger
  #timer: NodeJS.Timeout | undefined

  constructor(writer: EventWriter, pushes: OpenPushes, look: LookAtRefs, log: Logger) {
    this.#writer = writer
    this.#pushes = pushes
    this.#look = look
    this.#log = log
  }

  /**
   * Resolves when the intent is on the disk. Then git may change references.
   *
   * @param hasMade whether the repository was made for this very push
   * @throws {Refusal} `events_unavailable`
   */
  async begin(push: NewPush, hasMade: boolean): Promise<OpenPush> {
    const { folder, more } = push
    // git refuses a push that names one twice.
    const refs = [...new Map(push.refs.map((one) => [one.ref, one])).values()]
    if (hasMade) this.#pushes.noteCreation(folder, false)
    const bounded = { refs: refs.slice(0, maxRefs), more: more + Math.max(0, refs.length - maxRefs) }
    const creates = push.creates && !this.#pushes.isCreationTold(folder)
    const time = new Date().toISOString()
    const open = new OpenPush({ ...push, ...bounded, id: this.#writer.nextId(), time, kind: 'push', creates })
    this.#pushes.add(open)
    try {
      await this.#writer.journal.append([{ intent: open.intent }])
      return open
    } catch (cause) {
      // It may have been written all the same, only too late.
      void this.abandon(open)
      throw new Refusal('events_unavailable', { cause })
    }
  }

  /** To be called when it is known what git has done. Resolves when that is on the disk, or has to wait. Never rejects. */
  async finish(open: OpenPush, changes: readonly RefChange[]): Promise<void> {
    const records = open.take(changes).flatMap((taken) => this.#pushes.tell(open, taken))
    open.isOver = true
    if (open.refs.length === 0) return await this.#close(open, records)
    if (records.length > 0) await this.#writer.write(records)
    await within(lookMs, this.settle(open.intent.folder), undefined)
  }

  /** To be called where git was not started. */
  async abandon(open: OpenPush): Promise<void> {
    for (const ref of open.refs) open.settle(ref)
    await this.#close(open, [])
  }

  /** Takes over what an earlier process has left. @param created the names of repositories whose creation was told */
  async recover(intents: readonly PushIntent[], created: ReadonlySet<string>): Promise<void> {
    for (const intent of intents) {
      const open = new OpenPush(intent)
      open.isOver = true
      if (created.has(intent.repository)) this.#pushes.noteCreation(intent.folder, true)
      this.#pushes.add(open)
    }
    for (const folder of new Set(intents.map((intent) => intent.folder))) await this.settle(folder)
    if (intents.length === 0) return
    this.#log.info({ pushes: intents.length }, 'looked for what came of pushes that were cut short')
  }

  /** Looks at the references of pushes to a repository that are over, and of which it is not known what came of them. */
  async settle(folder: string): Promise<void> {
    const here = this.#pushes.all.filter(({ intent }) => intent.folder === folder)
    const over = here.filter(({ isOver }) => isOver)
    const names = [...new Set(over.flatMap(({ refs }) => refs.map(({ ref }) => ref)))]
    try {
      for (let at = 0; at < names.length; at += looksAtOnce) {
        const some = names.slice(at, at + looksAtOnce)
        const found = await this.#look(folder, some)
        const records = some.flatMap((name) => this.#judge(name, here, found))
        if (records.length > 0) await this.#writer.write(records)
      }
      for (const one of over) if (one.refs.length === 0) await this.#close(one, [])
    } catch (err) {
      this.#log.warn({ err, folder }, 'what came of a push cannot be found out yet; its events wait')
      this.#timer ??= setTimeout(() => this.#lookAgain(), lookAgainMs).unref()
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }

  #lookAgain(): void {
    this.#timer = undefined
    const left = this.#pushes.all.filter(({ isOver, isClosed }) => isOver && !isClosed)
    for (const folder of new Set(left.map(({ intent }) => intent.folder))) void this.settle(folder)
  }

  #judge(
    name: string,
    here: readonly OpenPush[],
    found: ReadonlyMap<string, string | undefined> | undefined,
  ): JournalRecord[] {
    const refs = here.map((one) => one.openRef(name)).filter((one) => one !== undefined)
    // A repository that was made for a push and is gone was taken back, since the push had left nothing.
    const isKnown = found !== undefined || refs.every(({ push }) => push.intent.creates)
    const now = isKnown ? (found?.get(name) ?? '0'.repeat(refs[0]?.old.length ?? 40)) : ''
    const { made, verdictOf } = judgeRefs(refs, now)
    // Of those that still run, only what comes before one that is over: the order is kept.
    const certain = made.slice(0, made.findLastIndex(({ push }) => push.isOver) + 1)
    const doubtful = refs.filter((one) => one.push.isOver && verdictOf(one) === 'uncertain')
    for (const one of refs) if (one.push.isOver) one.push.settle(one)
    return [
      ...certain.flatMap((one) => this.#pushes.tellRef(one)),
      ...doubtful.flatMap((one) => this.#pushes.tellRef(one, true)),
    ]
  }

  async #close(open: OpenPush, records: readonly JournalRecord[]): Promise<void> {
    if (open.isClosed) return
    open.isClosed = true
    await this.#writer.write([...records, { done: open.intent.id }])
  }
}
