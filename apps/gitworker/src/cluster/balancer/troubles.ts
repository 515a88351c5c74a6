import { CoordinatorError } from '@sluice/shared/coordinator/coordinator'
import type { Logger } from '@sluice/shared/telemetry/log'
import { unavailable } from './balancer-status.ts'
import { mostHosts } from './decide/loads.ts'
import type { Snapshot } from './decide/snapshot.ts'

/** What the balancer cannot mend, in the log: each thing once, until it changes. */
export class Troubles {
  readonly #log: Logger
  /** What has been said, by what it was about. */
  #said = new Map<string, string>()
  #isFailing = false

  constructor(log: Logger) {
    this.#log = log
  }

  /** To be called when there is nothing to do: what has no host then has none for a while. */
  look(snapshot: Snapshot): void {
    const { hosts } = snapshot
    const found = new Map<string, string>()
    for (const { why, slots, some } of unavailable(snapshot)) {
      this.#say(found, why, `${slots}`, { slots, some }, `balancer: slots are unavailable. ${why}`)
    }
    for (const [name, { state }] of hosts) {
      if (state !== 'unreadable') continue
      const words = 'balancer: what this host says of itself is not understood, so it gets no slots'
      this.#say(found, `host ${name}`, state, { host: name }, words)
      if (found.size > mostHosts) break
    }
    if (hosts.size > mostHosts) {
      const words = `balancer: only ${mostHosts} hosts get slots`
      this.#say(found, 'hosts', `${hosts.size}`, { hosts: hosts.size }, words)
    }
    if (this.#said.size > 0 && found.size === 0) this.#log.info('balancer: all slots are available')
    this.#said = found
  }

  /** Nobody knows what the cluster agrees on. @param words that say why, and what to do */
  formatIsLost(words: string): void {
    if (this.#said.get('format') !== words) this.#log.error(`balancer: ${words}`)
    this.#said = new Map([['format', words]])
  }

  failed(err: unknown): void {
    if (!(err instanceof CoordinatorError)) this.#log.error({ err }, 'balancer: a decision has failed')
    else if (!this.#isFailing) this.#log.warn({ err }, 'balancer: the coordinator does not answer; it is tried again')
    this.#isFailing = true
  }

  worked(): void {
    if (this.#isFailing) this.#log.info('balancer: the coordinator answers again')
    this.#isFailing = false
  }

  #say(found: Map<string, string>, about: string, what: string, fields: object, words: string): void {
    found.set(about, what)
    if (this.#said.get(about) !== what) this.#log.warn(fields, words)
  }
}
