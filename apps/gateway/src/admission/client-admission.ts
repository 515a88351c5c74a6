import type { Registry } from 'prom-client'
import { addGauge } from '@sluice/shared/telemetry/gauge'
import { Lane } from '@sluice/shared/admission/lane'
import type { LaneLimits } from '@sluice/shared/admission/lane'

export type ClientLimits = {
  /** How many requests of one client are passed on at once. */
  readonly clientRequests: number
  /** How many more may wait. */
  readonly clientQueue: number
  /** Milliseconds. */
  readonly queueTimeout: number
}

/**
 * Bounds how many requests of one client are at work and waiting, so that others get their part of hosts and gateway. A
 * client is remembered only while it has a request here, so there are never more clients than connections.
 */
export class ClientAdmission {
  readonly #limits: LaneLimits
  readonly #lanes = new Map<string, Lane>()

  constructor({ clientRequests, clientQueue, queueTimeout }: ClientLimits) {
    this.#limits = {
      slots: clientRequests,
      largestShare: 1,
      queueLength: clientQueue,
      queueTimeout,
      reasons: { full: 'client_full', late: 'client_late' },
    }
  }

  /** How many clients have a request here. */
  get size(): number {
    return this.#lanes.size
  }

  /** How many requests wait until others of the same client end. */
  get waiting(): number {
    return this.#lanes.values().reduce((sum, lane) => sum + lane.waiting, 0)
  }

  /**
   * Waits until the client may have another request at work. Dispose of the result when that request is over.
   *
   * @param client whose request it is (`clientKey`)
   * @param repository its plain name; a client's requests for different repositories take turns
   * @throws {Refusal} `client_full`, `client_late`
   * @throws the signal's reason
   */
  async admit(client: string, repository: string, signal: AbortSignal): Promise<Disposable> {
    const lane = this.#lanes.get(client) ?? new Lane(this.#limits)
    this.#lanes.set(client, lane)
    try {
      const slot = await lane.admit({ client, repository }, signal)
      return {
        [Symbol.dispose]: () => {
          slot[Symbol.dispose]()
          setImmediate(() => this.#forget(client, lane))
        },
      }
    } catch (error) {
      this.#forget(client, lane)
      throw error
    }
  }

  #forget(client: string, lane: Lane): void {
    if (lane.running === 0 && lane.waiting === 0 && this.#lanes.get(client) === lane) this.#lanes.delete(client)
  }
}

/** No label names a client, since there may be any number of them. */
export function addClientMetrics(registry: Registry, clients: ClientAdmission): void {
  const help = 'Clients (users, addresses) that have a request under way.'
  const waitingHelp = 'Requests that wait for others of the same client.'
  addGauge(registry, 'sluice_clients', help, () => clients.size)
  addGauge(registry, 'sluice_client_waiting', waitingHelp, () => clients.waiting)
  // The former names of these metrics. The next version removes them.
  addGauge(registry, 'sluice_sources', 'The former name of sluice_clients.', () => clients.size)
  addGauge(registry, 'sluice_source_waiting', 'The former name of sluice_client_waiting.', () => clients.waiting)
}
