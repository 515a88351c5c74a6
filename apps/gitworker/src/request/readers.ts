import { Refusal } from '@sluice/shared/refusal/refusal'
import type { PackCache } from '../cache/packs/pack-cache.ts'
import type { PackReader } from '../cache/packs/stream/pack-reader.ts'
import type { ReferenceCache } from '../cache/references/reference-cache.ts'
import type { GitCall } from './git-call.ts'
import type { Slots } from './slots.ts'
import { stateScope } from './start-read.ts'
import type { Read, ReadStarter } from './start-read.ts'

export type ReadersServices = {
  readonly packs: Pick<PackCache, 'read' | 'readAlone'>
  readonly slots: Slots
  readonly starter: ReadStarter
  /** Undefined where references are not cached. */
  readonly answers: Pick<ReferenceCache, 'stateOf'> | undefined
}

/** Opens a reader for each request that reads: on a git of its own, or on one that it shares. */
export class Readers {
  readonly #services: ReadersServices

  constructor(services: ReadersServices) {
    this.#services = services
  }

  /** @throws {Refusal} where git cannot be started, or the exchange ends */
  async open({ exchange, record }: GitCall, read: Read): Promise<PackReader> {
    const { packs, slots, starter } = this.#services
    const start = (unwanted: AbortSignal) => {
      delete record.cache
      return starter.start(read, exchange, unwanted, record)
    }
    using _idleLimit = slots.extendIdleLimit(exchange, read.lane)
    if (read.packKey === undefined) return await packs.readAlone(start, exchange.signal)
    record.cache = 'pack'
    using late = lateAfter(slots.queueTimeout(read.lane))
    const stateNow = () => this.#services.answers?.stateOf(read.gitDir, stateScope(read))
    return await packs.read(read.packKey, stateNow, start, AbortSignal.any([exchange.signal, late.signal]))
  }
}

/**
 * Bounds the whole wait of a request that wants to share a pack. It may wait with others for their slot and then, if
 * that comes to nothing, for a slot of its own. Both together may take no longer than the queue's time-out.
 */
function lateAfter(milliseconds: number): Disposable & { readonly signal: AbortSignal } {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(new Refusal('queue_timeout')), milliseconds)
  return { signal: late.signal, [Symbol.dispose]: () => clearTimeout(timer) }
}
