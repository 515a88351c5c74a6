import { LRUCache } from 'lru-cache'
import { shownBytes } from '../../audit/audit-line.ts'
import type { Event } from '../record/event.ts'
import type { PushIntent } from '../record/intent.ts'
import type { JournalRecord } from '../record/record-line.ts'
import type { OpenPush, OpenRef, TakenChange } from './open-push.ts'

type Told = Pick<Event, 'ref' | 'old' | 'new' | 'certain'>

/** The pushes that are open, and what is told of them, in the order in which it happened. */
export class OpenPushes {
  readonly #nextId: () => string
  readonly #open = new Map<string, OpenPush>()
  /** The id that a reference was last told to have, by folder and name. */
  readonly #last = new LRUCache<string, string>({ max: 10_000 })
  /** Folders of new repositories that have been told. */
  readonly #created = new LRUCache<string, true>({ max: 1000 })

  constructor(nextId: () => string) {
    this.#nextId = nextId
  }

  get all(): OpenPush[] {
    return [...this.#open.values()]
  }

  add(open: OpenPush): void {
    this.#open.set(open.intent.id, open)
  }

  remove(open: OpenPush): void {
    this.#open.delete(open.intent.id)
  }

  /** To be called with each record that is on the disk. */
  onWritten(record: JournalRecord): void {
    if ('done' in record) this.#open.delete(record.done)
    else if ('event' in record && record.index !== undefined) this.#open.get(record.of ?? '')?.told.add(record.index)
  }

  isCreationTold(folder: string): boolean {
    return this.#created.has(folder)
  }

  /** @param isTold false where there is a new repository in this folder */
  noteCreation(folder: string, isTold: boolean): void {
    if (isTold) this.#created.set(folder, true)
    else this.#created.delete(folder)
  }

  /** What git has said that it changed. */
  tell(open: OpenPush, { change, index }: TakenChange): JournalRecord[] {
    const { folder, refs } = open.intent
    const asked = index === undefined ? undefined : refs[index]
    const earlier = asked && change.old !== undefined ? this.#tellEarlier(folder, asked.ref, change.old) : []
    if (asked) this.#last.set(keyOf(folder, asked.ref), change.new)
    // Of what a hook has changed in place of git, it may not say what there was.
    const { target, ref, old } = change
    const told = { ref: target ?? ref, ...(old !== undefined && { old }), new: change.new }
    return [...earlier, ...this.#recordsOf(open, told, index)]
  }

  /** What a look at the references has shown. */
  tellRef(open: OpenRef, isUncertain = false): JournalRecord[] {
    const { push, index, ref } = open
    push.settle(open)
    if (!isUncertain) this.#last.set(keyOf(push.intent.folder, ref), open.new)
    const told = { ref: shownBytes(ref), old: open.old, new: open.new }
    return this.#recordsOf(push, isUncertain ? { ...told, certain: false } : told, index)
  }

  /**
   * Another push has made what this one found, and has not said so yet: its hooks still run, say. Whoever is told keeps the
   * order in which it happened.
   */
  #tellEarlier(folder: string, ref: string, old: string): JournalRecord[] {
    if (this.#last.get(keyOf(folder, ref)) === old) return []
    // One push may change a thousand references, and many may be open.
    const named = this.all.map((one) => (one.intent.folder === folder ? one.openRef(ref) : undefined))
    const before = named.find((one) => one?.new === old && one.old !== old)
    if (!before) return []
    before.push.settle(before)
    return [...this.#tellEarlier(folder, ref, before.old), ...this.tellRef(before)]
  }

  #recordsOf({ intent }: OpenPush, told: Told, index: number | undefined): JournalRecord[] {
    const { folder, creates, more, refs } = intent
    const records: JournalRecord[] = []
    if (creates && told.certain !== false && !this.#created.has(folder)) {
      this.#created.set(folder, true)
      records.push({ event: this.#event(intent, { kind: 'create' }), of: intent.id })
    }
    const beyond = more > 0 && index === refs.length - 1 ? { more } : {}
    const event = this.#event(intent, { kind: 'push', ...told, ...beyond })
    records.push({ event, of: intent.id, ...(index !== undefined && { index }) })
    return records
  }

  #event({ time, repository, user, requestId }: PushIntent, what: Partial<Event> & Pick<Event, 'kind'>): Event {
    return { id: this.#nextId(), time, repository, ...(user !== undefined && { user }), requestId, ...what }
  }
}

function keyOf(folder: string, ref: string): string {
  return `${folder}\0${ref}`
}
