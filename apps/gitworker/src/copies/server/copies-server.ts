import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '@sluice/shared/telemetry/log'
import { whyOf } from '@sluice/shared/telemetry/why'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Lane } from '@sluice/shared/admission/lane'
import { orAborted } from '@sluice/shared/machine/race'
import { forItself } from '../../process/job/job.ts'
import { takeObjects } from '../copy/take-objects.ts'
import type { TakeObjectsServices } from '../copy/take-objects.ts'
import type { Followers } from '../copy/followers.ts'
import { keptSlots } from '../copy/kept-slots.ts'
import type { KeptSlotsServices } from '../copy/kept-slots.ts'
import { isClaimUntrue } from '../copy/term/current-term.ts'
import { NotFollowedError } from '../copy/term/not-followed-error.ts'
import { findWanted, serveObjects } from '../primary/serve-objects.ts'
import type { ObjectsServices } from '../primary/serve-objects.ts'
import type { Gifts } from '../giving/gifts.ts'
import { serveGift } from '../giving/serve-gift.ts'
import type { GiftServices } from '../giving/serve-gift.ts'
import { givenPath, outcomePath } from '../link/given.ts'
import { isHostsPath } from './hosts-paths.ts'
import { serveOutcome } from './serve-outcome.ts'
import type { OutcomeServices } from '../giving/outcome.ts'
import { maxReadsBytes, readsPath } from '../link/ask-reads.ts'
import { followPath, maxToldBytes, pushPath, readTold, textsPath } from '../link/told.ts'
import type { ReadGrants } from '../../cluster/reads/read-grants.ts'
import { readAsk } from '../../cluster/reads/read-message.ts'
import type { Answer, Told } from '../link/told.ts'
import {
  maxToldObjectsBytes,
  objectPagePath,
  objectPath,
  readToldObjects,
  toldObjectsPath,
} from '../link/told-objects.ts'
import type { ObjectsAnswer, ToldObjects } from '../link/told-objects.ts'
import { objectPlaceOf } from '../object-store.ts'
import { servePage, serveStored } from '../primary/serve-stored.ts'
import { Signs } from './signs.ts'
import { answerTold, messageOf, readBody, refuse } from './told-line.ts'
import { keptPath, readKeptAsked } from '../link/kept.ts'
import type { KeptLine } from '../link/kept.ts'
import { answerPush, answerTexts } from './answer-wanted.ts'
import { servePurge, serveTrash } from './serve-trash.ts'
import type { TrashServices } from './serve-trash.ts'
import { purgePath, trashPath } from '../trash/told-trash.ts'
import { serveProgress } from './serve-progress.ts'
import { progressPath } from '../progress/told-progress.ts'
import type { ToldProgress } from '../progress/told-progress.ts'

export type CopiesServerServices = KeptSlotsServices &
  TakeObjectsServices &
  TrashServices & {
    /** What this host gives to others, and what it receives. */
    readonly gifts: Gifts
    readonly received: GiftServices
    /** What became of that. */
    readonly outcomes: OutcomeServices
    readonly followers: Followers
    readonly objects: ObjectsServices
    readonly grants: Pick<ReadGrants, 'answer'>
    /** How the copies of this host's slots come along. */
    readonly progressHere: () => ToldProgress
    /** What nobody waits for takes turns in it, so that pushes do not wait for that. */
    readonly catchingUp: Lane
    /** For how long that may show no progress, in milliseconds: half an hour by default. */
    readonly longestSilence?: number
    /** For how long nothing may pass on a connection, in milliseconds: as long by default. */
    readonly longestStandstill?: number
    /** Aborted when the host stops. */
    readonly ending: AbortSignal
    readonly log: Logger
  }

/** git says nothing while it checks that no object is missing: some minutes where there are 70 GB, more on a slow disk. */
const longestSilenceMs = 30 * 60_000

/** What hosts ask each other. To be called for peers only that are trusted as gateways are. */
export class CopiesServer {
  readonly #services: CopiesServerServices

  constructor(services: CopiesServerServices) {
    this.#services = services
  }

  /** Whether a request is one of another host's. */
  static readonly isMeant = ({ url = '' }: IncomingMessage): boolean => isHostsPath(url)

  /** Returns when nothing of it is at work. Never rejects. */
  async serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const leaving = new AbortController()
    const { received, ending } = this.#services
    const signal = AbortSignal.any([leaving.signal, ending])
    // A pipeline has several listeners, besides those of the exchange.
    outgoing.setMaxListeners(20)
    incoming.on('error', () => {})
    outgoing.on('error', () => {})
    outgoing.once('close', () => leaving.abort(new Refusal('client_gone')))
    // A host that is stopped in the middle keeps its connections. What it has begun here holds a slot, and maybe a git.
    outgoing.setTimeout(this.#services.longestStandstill ?? longestSilenceMs, () => outgoing.destroy())
    try {
      if (incoming.method !== 'POST') return refuse(outgoing, 405, 'Only POST is taken here.')
      if (incoming.url === followPath) await this.#follow(incoming, outgoing, signal)
      else if (incoming.url === toldObjectsPath) await this.#take(incoming, outgoing, signal)
      else if (incoming.url === readsPath) await this.#grant(incoming, outgoing)
      else if (incoming.url === keptPath) await this.#kept(incoming, outgoing, signal)
      else if (incoming.url === givenPath) await serveGift(received, incoming, outgoing, { leaving: signal, ending })
      else if (incoming.url === outcomePath) await serveOutcome(this.#services, incoming, outgoing)
      else if (incoming.url === purgePath) await servePurge(this.#services, incoming, outgoing)
      else if (incoming.url === trashPath) await serveTrash(this.#services, incoming, outgoing)
      else if (incoming.url === progressPath) await serveProgress(this.#services, incoming, outgoing)
      else await this.#serve(incoming, outgoing, signal)
    } catch (error) {
      if (!leaving.signal.aborted) this.#services.log.warn({ err: error, path: incoming.url }, 'a host was not served')
      if (outgoing.headersSent) outgoing.destroy()
      else refuse(outgoing, error instanceof Refusal ? error.status : 500, messageOf(error))
    }
  }

  async #follow(incoming: IncomingMessage, outgoing: ServerResponse, signal: AbortSignal): Promise<void> {
    const answer = (told: Told, onProgress: () => void) => this.#answer(told, onProgress, signal)
    await answerTold(incoming, outgoing, { maxBytes: maxToldBytes, read: readTold, answer })
  }

  async #take(incoming: IncomingMessage, outgoing: ServerResponse, signal: AbortSignal): Promise<void> {
    const answer = async (told: ToldObjects, onProgress: () => void): Promise<ObjectsAnswer> => {
      try {
        return { has: await takeObjects(this.#services, told, { signal, onProgress }) }
      } catch (error) {
        return this.#failed(told, error)
      }
    }
    await answerTold(incoming, outgoing, { maxBytes: maxToldObjectsBytes, read: readToldObjects, answer })
  }

  async #grant(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const asked = readAsk((await readBody(incoming, maxReadsBytes)) ?? '')
    if (!asked) return refuse(outgoing, 400, 'This is not what a copy of this version asks.')
    const granted = this.#services.grants.answer(asked)
    if (!granted) return refuse(outgoing, 503, 'Too many hosts ask for read leases.')
    outgoing.writeHead(200, { 'Content-Type': 'application/json' })
    outgoing.end(`${JSON.stringify(granted)}\n`)
  }

  async #answer(told: Told, onProgress: () => void, signal: AbortSignal): Promise<Answer> {
    const { followers, catchingUp, longestSilence = longestSilenceMs } = this.#services
    try {
      if (!told.isCatchingUp) return { digest: await followers.follow({ told, onProgress, signal }) }
      using signs = new Signs(onProgress, longestSilence)
      using _slot = await catchingUp.admit(forItself, signal)
      signs.begin()
      return { digest: await followers.follow({ told, onProgress: signs.moved, signal }) }
    } catch (error) {
      return this.#failed(told, error)
    }
  }

  #failed({ repository, term, primary }: Told | ToldObjects, error: unknown) {
    const { view, terms, log } = this.#services
    // The table has moved on at one of both, or will in a moment. The primary says so if it goes on.
    const hasMoved = error instanceof NotFollowedError || isClaimUntrue(view, terms, { repository, term, primary })
    log[hasMoved ? 'info' : 'warn']({ ...whyOf(error), repository, term, primary }, 'did not follow the primary')
    return { failed: messageOf(error).slice(0, 5000), isOver: error instanceof NotFollowedError && error.isOver }
  }

  async #kept(incoming: IncomingMessage, outgoing: ServerResponse, signal: AbortSignal): Promise<void> {
    const asked = readKeptAsked((await readBody(incoming, maxToldBytes)) ?? '')
    if (!asked) return refuse(outgoing, 400, 'This is not what a primary of this version asks its copies.')
    outgoing.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
    using signs = new Signs(() => outgoing.write('\n'), this.#services.longestSilence ?? longestSilenceMs)
    // A walk of a disk that hangs goes on, and the next one waits for it: nobody waits for it here.
    signs.begin()
    for (const answer of await orAborted(keptSlots(this.#services, asked), signal)) outgoing.write(lineOf(answer))
    outgoing.end(lineOf({ end: true }))
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse, signal: AbortSignal): Promise<void> {
    const { objects, gifts, store } = this.#services
    const { pathname, searchParams } = new URL(incoming.url ?? '', 'http://host')
    const [repository, copy] = [searchParams.get('repository') ?? '', searchParams.get('copy') ?? '']
    const term = Number(searchParams.get('term'))
    const gift = searchParams.get('gift')
    const found = gift === null ? findWanted(objects, { repository, copy, term }) : gifts.find(gift, repository)
    if (!found) return refuse(outgoing, 421, 'This host is not the primary, or has no such repository.')
    if (pathname === textsPath) return answerTexts(found.gitDir, outgoing)
    const place = objectPlaceOf(repository, found.gitDir)
    if (pathname === objectPagePath) return await servePage(store, place, searchParams.get('after') ?? '', outgoing)
    if (pathname === objectPath) return await serveStored(store, place, searchParams.get('oid') ?? '', outgoing, signal)
    if (pathname === pushPath) {
      return answerPush(objects.offers.find(repository, searchParams.get('offer') ?? ''), outgoing)
    }
    outgoing.writeHead(200, { 'Content-Type': 'application/octet-stream' })
    outgoing.flushHeaders()
    await serveObjects(objects, found, incoming, outgoing, signal)
  }
}

function lineOf(line: KeptLine): string {
  return `${JSON.stringify(line)}\n`
}
