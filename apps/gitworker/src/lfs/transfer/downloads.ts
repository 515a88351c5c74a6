import { addAbortListener } from 'node:events'
import { pump } from '@sluice/shared/exchange/pump'
import type { LfsTransfer } from '@sluice/shared/lfs/lfs-request'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { LfsCall } from '../call/lfs-call.ts'
import type { LfsPlace, LfsStorage } from '../storage/lfs-storage.ts'
import { rangeIn } from './byte-range.ts'
import type { TransferSlots } from './transfer-slots.ts'

export type DownloadServices = {
  readonly storage: LfsStorage
  readonly slots: TransferSlots
}

/** Serves objects, at the clients' pace. */
export class Downloads {
  readonly #services: DownloadServices

  constructor(services: DownloadServices) {
    this.#services = services
  }

  /** @throws {Refusal} `lfs_object_missing`, `lfs_bad_range`, `queue_full`, `queue_timeout`, or the exchange's end */
  async serve(call: LfsCall<LfsTransfer>, place: LfsPlace): Promise<void> {
    const { storage, slots } = this.#services
    const { exchange, request } = call
    const { incoming, outgoing } = exchange
    using _slot = await slots.waitFor(call)
    await using object = await storage.open(place, request.oid)
    if (!object) throw new Refusal('lfs_object_missing')
    const { size } = object
    const range = rangeIn(incoming.headers.range, size)
    const length = range ? range.end - range.start + 1 : size
    outgoing.writeHead(range ? 206 : 200, {
      'Content-Type': 'application/octet-stream',
      'Content-Length': length,
      ...(range && { 'Content-Range': `bytes ${range.start}-${range.end}/${size}` }),
      'Accept-Ranges': 'bytes',
      // What is stored under this name never changes. Only those with the right to read may keep it.
      'ETag': `"${request.oid}"`,
      'Cache-Control': 'private, max-age=31536000, immutable',
      'X-Content-Type-Options': 'nosniff',
      'X-Request-Id': exchange.id,
    })
    if (incoming.method !== 'HEAD' && length > 0) {
      const stream = object.stream(range)
      // A client that takes nothing, or a host that stops, ends it.
      using _ending = addAbortListener(exchange.signal, () => void stream.destroy())
      try {
        await pump(stream, outgoing, (count) => exchange.sent(count))
      } catch (error) {
        exchange.signal.throwIfAborted()
        throw error
      } finally {
        stream.destroy()
      }
    }
    await exchange.finish()
  }
}
