import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { Address } from '@sluice/shared/network/address'
import { instantNow } from '@sluice/shared/coordinator/lease/instant'
import type { Logger } from '@sluice/shared/telemetry/log'
import { whyOf } from '@sluice/shared/telemetry/why'
import { readGrant } from '../../cluster/reads/read-message.ts'
import type { ReadAsk, ReadGrant } from '../../cluster/reads/read-message.ts'
import type { ReadLeases } from '../../cluster/reads/read-leases.ts'
import type { HostLinks } from './host-links.ts'

/** Answered on the host's own address, to peers that are trusted as gateways are. No repository can have this name. */
export const readsPath = '/-/copies/reads'

/** Of a message, either way. */
export const maxReadsBytes = 128 * 1024

export type AskReadsServices = {
  readonly leases: ReadLeases
  readonly links: HostLinks
  addressOf(host: string): Address | undefined
  /** How long a grant lasts, in milliseconds. */
  readonly ms: number
  readonly log: Logger
}

/** Each grant is renewed so often before it is over. */
const asksPerGrant = 4

/** A new primary is asked sooner. */
const lookEveryMs = 25

/** Keeps this host's read leases of all primaries of its slots. It stops when it is disposed of. */
export class AskReads implements AsyncDisposable {
  readonly #services: AskReadsServices
  readonly #ending = new AbortController()
  /** By primary: when it was asked last, and whether that is under way. */
  readonly #asked = new Map<string, { at: number; isUnderWay: boolean }>()
  /** By primary: how often in a row it has granted nothing. */
  readonly #failures = new Map<string, number>()
  readonly #running: Promise<void>

  constructor(services: AskReadsServices) {
    this.#services = services
    this.#running = this.#run()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { leases, ms } = this.#services
    const { signal } = this.#ending
    const every = ms / asksPerGrant
    const underWay = new Set<Promise<void>>()
    while (!signal.aborted) {
      for (const primary of leases.primaries) {
        const last = this.#asked.get(primary) ?? { at: -Infinity, isUnderWay: false }
        if (last.isUnderWay || performance.now() - last.at < every) continue
        const asking = this.#ask(primary, signal).finally(() => underWay.delete(asking))
        underWay.add(asking)
      }
      await pause(lookEveryMs, undefined, { signal }).catch(() => {})
    }
    await Promise.all(underWay)
  }

  async #ask(primary: string, signal: AbortSignal): Promise<void> {
    const { leases, links, ms, log } = this.#services
    this.#asked.set(primary, { at: performance.now(), isUnderWay: true })
    const asked = instantNow()
    try {
      const address = this.#services.addressOf(primary)
      if (!address) throw new Error(`${primary} does not live.`)
      const patience = AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(ms / 2))])
      leases.take(primary, asked, await askReads(links, address, () => leases.ask(primary), patience))
      const failures = this.#failures.get(primary) ?? 0
      this.#failures.delete(primary)
      if (failures >= asksPerGrant) log.info({ primary }, 'this host has read leases of a primary again')
    } catch (err) {
      if (signal.aborted) return
      const failures = (this.#failures.get(primary) ?? 0) + 1
      this.#failures.set(primary, failures)
      // Until then, the last grant holds. A host that stops, or starts, is no trouble.
      if (failures !== asksPerGrant) return
      const level = this.#services.addressOf(primary) ? 'warn' : 'info'
      log[level](
        { ...whyOf(err), primary },
        'a primary gives this host no read leases: its copies are not read from meanwhile',
      )
    } finally {
      this.#asked.set(primary, { at: performance.now(), isUnderWay: false })
    }
  }
}

/** @throws {Error} where the primary does not answer, or grants nothing */
async function askReads(
  links: HostLinks,
  address: Address,
  ask: () => ReadAsk,
  signal: AbortSignal,
): Promise<ReadGrant> {
  const sent = links.post(address, readsPath, signal, true)
  sent.end(`${JSON.stringify(ask())}\n`)
  const [reply] = (await once(sent, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    text += chunk.toString()
    if (text.length > maxReadsBytes) throw new Error('The primary has answered too much.')
  }
  const grant = reply.statusCode === 200 ? readGrant(text) : undefined
  if (!grant) throw new Error(`The primary has answered ${reply.statusCode}: ${text.slice(0, 300)}`)
  return grant
}
