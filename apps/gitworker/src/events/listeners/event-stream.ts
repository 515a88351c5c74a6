import { addAbortListener } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { fitsPattern } from '@sluice/shared/git/name-pattern'
import { whyNoRepositoryFits } from '@sluice/shared/git/pattern-mistakes'
import { within } from '@sluice/shared/machine/race'
import type { Journal } from '../journal/journal.ts'
import { isBefore } from '../journal/position.ts'
import type { Position } from '../journal/position.ts'
import { readEvents } from '../journal/read-records.ts'
import { isEventId } from '../record/event-id.ts'
import { namesIn } from '../record/event.ts'
import type { Event } from '../record/event.ts'
import { placeAfter } from './find-event.ts'

/*
 * Events as they come, for programs that listen (server-sent events, HTML Living Standard section 9.2). A listener that comes
 * back with the id of the last event it has had (`Last-Event-ID`, or `?after=`) gets what has come since, from the journal.
 *
 *   reads the journal to its end ──▶ waits for more, with a sign of life from time to time
 *          │        ▲────────────────────────┘
 *   does not take what is sent for half a minute ──▶ cut off
 */

const mostListeners = 32
const aliveEveryMs = 15_000
const slowMs = 30_000

export type StreamOptions = {
  /** Milliseconds, for tests. */
  readonly slowAfter?: number
  readonly aliveEvery?: number
}

export class EventStream implements Disposable {
  readonly #journal: Journal
  readonly #options: StreamOptions
  readonly #ending = new AbortController()
  #listeners = 0

  constructor(journal: Journal, options: StreamOptions = {}) {
    this.#journal = journal
    this.#options = options
  }

  get listeners(): number {
    return this.#listeners
  }

  /** Answers one listener, until it leaves, is too slow, or the host stops. Never rejects. */
  async serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const wanted = readWanted(incoming)
    if ('problem' in wanted) return refuse(outgoing, 400, wanted.problem)
    if (this.#ending.signal.aborted) return refuse(outgoing, 503, 'The host stops.')
    if (this.#listeners >= mostListeners) return refuse(outgoing, 503, `There are ${mostListeners} listeners already.`)
    this.#listeners++
    try {
      if (incoming.method === 'HEAD') outgoing.writeHead(200, headers)
      else await this.#serve(outgoing, wanted)
      outgoing.end()
    } catch {
      outgoing.destroy()
    } finally {
      this.#listeners--
    }
  }

  [Symbol.dispose](): void {
    this.#ending.abort()
  }

  async #serve(outgoing: ServerResponse, { after, fits }: Wanted): Promise<void> {
    const { end } = this.#journal
    const start = after === undefined ? { position: end, isWhole: true } : await placeAfter(this.#journal, after)
    outgoing.on('error', () => {})
    outgoing.writeHead(200, headers)
    await this.#write(outgoing, 'retry: 3000\n\n')
    // What is between is no longer kept.
    if (!start.isWhole) await this.#write(outgoing, `event: gap\ndata: ${JSON.stringify({ after })}\n\n`)
    let { position } = start
    while (!outgoing.destroyed && !this.#ending.signal.aborted) {
      position = await this.#sendFrom(position, outgoing, fits)
      if (await this.#hasMore(position, outgoing)) continue
      if (!this.#ending.signal.aborted) await this.#write(outgoing, ': alive\n\n')
    }
  }

  async #sendFrom(from: Position, outgoing: ServerResponse, fits: Wanted['fits']): Promise<Position> {
    const { end } = this.#journal
    for await (const { event } of readEvents(this.#journal, from, end)) {
      if (this.#ending.signal.aborted || outgoing.destroyed) break
      if (namesIn(event).some(fits)) await this.#write(outgoing, textOf(event))
    }
    return end
  }

  /** Waits for more, or for a while. */
  async #hasMore(position: Position, outgoing: ServerResponse): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<void>()
    using _growth = this.#journal.onGrowth(resolve)
    const { signal } = this.#ending
    using _ending = addAbortListener(signal, () => resolve())
    outgoing.once('close', resolve)
    if (isBefore(position, this.#journal.end) || outgoing.destroyed || signal.aborted) resolve()
    await within(this.#options.aliveEvery ?? aliveEveryMs, promise, undefined)
    outgoing.off('close', resolve)
    return isBefore(position, this.#journal.end)
  }

  /** @throws where the listener takes nothing for too long */
  async #write(outgoing: ServerResponse, text: string): Promise<void> {
    if (outgoing.write(text) || outgoing.destroyed) return
    const { promise, resolve } = Promise.withResolvers<void>()
    using _ending = addAbortListener(this.#ending.signal, () => resolve())
    outgoing.once('drain', resolve).once('close', resolve)
    const how = await within(this.#options.slowAfter ?? slowMs, promise, 'late' as const)
    outgoing.off('drain', resolve).off('close', resolve)
    if (how === 'late') throw new Error('The listener is too slow.')
  }
}

const headers = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'X-Accel-Buffering': 'no',
}

function textOf(event: Event): string {
  return `id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`
}

type Wanted = { readonly after: string | undefined; readonly fits: (name: string) => boolean }

function readWanted({ headers: sent, url = '' }: IncomingMessage): Wanted | { readonly problem: string } {
  const query = new URLSearchParams(url.split(/\?(.*)/s, 2)[1] ?? '')
  const after = sent['last-event-id'] ?? query.get('after') ?? undefined
  if (Array.isArray(after) || (after !== undefined && after !== '' && !isEventId(after))) {
    return { problem: 'Last-Event-ID, or after, is no id of an event.' }
  }
  const pattern = query.get('repository') ?? '**'
  const why = pattern.length > 1000 ? 'it is too long' : whyNoRepositoryFits(pattern)
  if (why !== undefined) return { problem: `repository is no pattern: ${why}.` }
  return { after: after === '' ? undefined : after, fits: fitsPattern(pattern) }
}

function refuse(outgoing: ServerResponse, status: number, sentence: string): void {
  outgoing.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' })
  outgoing.end(`${sentence}\n`)
}
