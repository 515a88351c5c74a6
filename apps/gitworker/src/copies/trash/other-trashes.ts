import { slotCount, slotOf } from '@sluice/shared/placement/slot'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import { askLines } from '../link/ask-lines.ts'
import type { HostLinks } from '../link/host-links.ts'
import { tellCopy } from '../link/tell-copy.ts'
import type { SlotView } from '../slot-view.ts'
import { purgePath, readPurgeAnswer, readTrashLine, trashPath } from './told-trash.ts'
import type { PurgeAnswer, RemovedTrash, ToldPurge, TrashedThere } from './told-trash.ts'

export type OtherTrashesServices = {
  readonly view: SlotView
  /** The hosts that live, by name. */
  readonly hosts: { readonly all: ReadonlyMap<string, unknown> }
  readonly links: HostLinks
  /** Milliseconds for which a host may show no progress. */
  readonly copyTimeout: number
  readonly log: Logger
}

/** A host that may have something still, and why. */
export type Left = { readonly host: string; readonly why: string }

/** What the other hosts did. */
export type Elsewhere = { readonly removedFrom: readonly string[]; readonly left: readonly Left[] }

/** What the other hosts have, each with the host's name, and those that have not said. */
export type TrashElsewhere = {
  readonly entries: readonly (TrashedThere & { readonly host: string })[]
  readonly unasked: readonly Left[]
}

/** Of one host's trash. */
const mostEntries = 200_000

/** The trash of the other hosts. Each host of a cluster may have something of a repository: as its copy, or from when it was one. */
export class OtherTrashes {
  readonly #services: OtherTrashesServices

  constructor(services: OtherTrashesServices) {
    this.#services = services
  }

  /**
   * Has an entry removed from the trash of all other hosts.
   *
   * @param isGone whether this host, the primary, has no such repository: then no other one may have it either
   * @param hosts undefined: all that are known
   * @throws {Refusal} `term_over` where this host is not the primary of the repository
   */
  async remove(removed: RemovedTrash, isGone: () => boolean, hosts = this.#others()): Promise<Elsewhere> {
    const { view, log } = this.#services
    const record = view.slot(slotOf(removed.repository))
    if (record?.primary !== view.name) throw new Refusal('term_over')
    const told = { ...removed, term: record.term, primary: view.name }
    const removedFrom: string[] = []
    const left: Left[] = []
    const tell = async (host: string) => {
      const answer = await this.#tell(host, told)
      if ('failed' in answer) left.push({ host, why: answer.failed })
      else if (answer.hasIt && isGone()) left.push({ host, why: hasItself })
      else if (answer.isRemoved || answer.dropped > 0) removedFrom.push(host)
    }
    await Promise.all(hosts.map(tell))
    if (left.length > 0)
      log.warn({ ...removed, left }, 'what was to be removed from the trash may not be gone everywhere')
    return {
      removedFrom: removedFrom.toSorted(),
      left: left.toSorted((one, other) => (one.host < other.host ? -1 : 1)),
    }
  }

  /**
   * The same for a repository that has been restored, and is confirmed. Hosts that are behind keep theirs: they have nothing
   * else yet.
   *
   * @param name that it has now
   */
  async forget(repository: string, id: string, name: string): Promise<void> {
    const { view, hosts } = this.#services
    if (view.slot(slotOf(repository))?.primary !== view.name) return
    const { copies = [], inSync = [] } = view.slot(slotOf(name)) ?? {}
    const isBehindHere = (host: string) => copies.includes(host) && !inSync.includes(host)
    const others = [...hosts.all.keys()].filter((host) => host !== view.name && !isBehindHere(host))
    await this.remove({ repository, id, withDropped: false }, () => false, others)
  }

  async list(): Promise<TrashElsewhere> {
    const entries: (TrashedThere & { readonly host: string })[] = []
    const unasked: Left[] = []
    const ask = async (host: string) => {
      try {
        for (const entry of await this.#ask(host)) entries.push({ ...entry, host })
      } catch (error) {
        unasked.push({ host, why: messageOf(error) })
      }
    }
    await Promise.all(this.#others().map(ask))
    return { entries, unasked }
  }

  /** Those that live, and those that are to keep something, whether they live or not. */
  #others(): string[] {
    const { view, hosts } = this.#services
    const names = new Set(hosts.all.keys())
    for (let slot = 0; slot < slotCount; slot++) for (const name of view.slot(slot)?.copies ?? []) names.add(name)
    names.delete(view.name)
    return [...names].toSorted()
  }

  async #tell(host: string, told: ToldPurge): Promise<PurgeAnswer> {
    const { links, view, copyTimeout } = this.#services
    const address = view.addressOf(host)
    if (!address) return { failed: isDown }
    const telling = { path: purgePath, told, readAnswer: readPurgeAnswer }
    try {
      return await tellCopy(links, address, telling, copyTimeout, never)
    } catch (error) {
      return { failed: messageOf(error) }
    }
  }

  async #ask(host: string): Promise<TrashedThere[]> {
    const { links, view, copyTimeout } = this.#services
    const address = view.addressOf(host)
    if (!address) throw new Error(isDown)
    const entries: TrashedThere[] = []
    const take = (text: string) => {
      const line = readTrashLine(text)
      if (!line) return undefined
      if ('end' in line) return true
      if ('failed' in line) throw new Error(line.failed)
      entries.push(line)
      return entries.length > mostEntries ? undefined : false
    }
    await askLines(links, address, { path: trashPath, asked: { host: view.name }, take }, copyTimeout, never)
    return entries
  }
}

const isDown = 'It is not up.'
const hasItself =
  'It has a repository of this name outside of its trash. One that is behind moves it to its trash when it has caught up.'

const never = new AbortController().signal

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
