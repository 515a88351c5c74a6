import { addAbortListener } from 'node:events'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { BodyReader } from '@sluice/shared/exchange/body-reader'
import type { LfsTransfer } from '@sluice/shared/lfs/lfs-request'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { LfsCall } from '../call/lfs-call.ts'
import type { UploadAudit } from '../call/upload-audit.ts'
import type { LfsRoom } from '../room/lfs-room.ts'
import type { ConfirmObjects, LfsPlace, LfsStorage } from '../storage/lfs-storage.ts'
import type { TransferSlots } from './transfer-slots.ts'

export type UploadServices = {
  readonly storage: LfsStorage
  readonly slots: TransferSlots
  readonly room: LfsRoom
  readonly confirmObjects: ConfirmObjects
  readonly audit: UploadAudit
}

/** Finds the repository, or creates it. It is in use until disposed of. */
export type Enter = () => Promise<{ readonly place: LfsPlace; readonly use: Disposable }>

/**
 * Takes objects:
 *
 *   may it be so large? → a slot → the repository, created if it must be → a temporary file, its SHA-256 added up
 *     → it is the object: stored → confirmed by others → recorded → 200
 */
export class Uploads {
  readonly #services: UploadServices

  constructor(services: UploadServices) {
    this.#services = services
  }

  /**
   * @param place undefined where the repository is yet to be created
   * @throws {Refusal} `lfs_object_too_large`, `repository_full`, `lfs_object_differs`, `disk_full`, `term_over`,
   *   `copies_lost`, `queue_full`, `queue_timeout`, or the exchange's end; then nothing is acknowledged
   */
  async serve(call: LfsCall<LfsTransfer>, place: LfsPlace | undefined, enter: Enter): Promise<void> {
    const { slots, room } = this.#services
    const { exchange, request, tenure } = call
    const announced = announcedLength(exchange)
    await room.check(request.repository, place, announced ?? 0)
    const body = new BodyReader(exchange.incoming, (count) => exchange.received(count))
    let size: number
    {
      using _slot = await slots.waitFor(call, body)
      await tenure?.begin(exchange.signal)
      const entered = await enter()
      using _use = entered.use
      size = await this.#receive(call, entered.place, body)
      await this.#services.confirmObjects(entered.place, [{ oid: request.oid, size }], tenure)
      await tenure?.confirm(exchange.signal)
      await this.#services.audit.record(exchange, request.repository, { oid: request.oid, size })
    }
    await exchange.reply(200, '', { 'X-Request-Id': exchange.id })
  }

  /** @returns the size of the object */
  async #receive({ exchange, request }: LfsCall<LfsTransfer>, place: LfsPlace, body: BodyReader): Promise<number> {
    const { storage, room } = this.#services
    const announced = announcedLength(exchange)
    using reserved = await room.reserve(request.repository, place, announced ?? 0)
    await using object = await storage.receive(place, request.oid, announced)
    exchange.invite()
    let size = 0
    const onBytes = (count: number) => {
      size += count
      reserved.check(size)
    }
    {
      // A client that is silent, or a host that stops, ends the wait for the rest.
      using _ending = addAbortListener(exchange.signal, () => void object.sink.destroy())
      await body.pumpTo(object.sink, onBytes).catch((error: unknown) => throwEnd(exchange, error))
    }
    exchange.signal.throwIfAborted()
    if (await object.store()) reserved.stored(size)
    return size
  }
}

/** A body whose connection is lost ends with an error of its own, before the exchange hears of it. */
function throwEnd({ incoming, signal }: Exchange, error: unknown): never {
  signal.throwIfAborted()
  const isLost = incoming.errored !== null || incoming.destroyed
  throw isLost ? new Refusal('client_gone', { cause: error }) : error
}

/** @returns undefined where the client does not say it. @throws {Refusal} `wrong_content_encoding` */
function announcedLength({ incoming: { headers } }: Exchange): number | undefined {
  if (headers['content-encoding'] !== undefined) {
    throw new Refusal('wrong_content_encoding', { sentence: 'Send the object as it is, without Content-Encoding.' })
  }
  const length = headers['content-length']
  return length === undefined ? undefined : Number(length)
}
