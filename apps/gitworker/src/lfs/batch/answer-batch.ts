import type { IncomingMessage } from 'node:http'
import { addressOf } from '@sluice/shared/host-protocol/from-gateway'
import { readBatch } from '@sluice/shared/lfs/batch-request'
import type { LfsPointer } from '@sluice/shared/lfs/batch-request'
import type { LfsBatch, LfsOperation } from '@sluice/shared/lfs/lfs-request'
import { readJsonBody } from '@sluice/shared/exchange/json-body'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { LfsCall } from '../call/lfs-call.ts'
import { replyLfs } from '../call/lfs-reply.ts'
import type { UploadAudit } from '../call/upload-audit.ts'
import type { LfsRoom } from '../room/lfs-room.ts'
import type { ConfirmObjects, DirectTransfer, LfsPlace, LfsStorage } from '../storage/lfs-storage.ts'

export type BatchServices = {
  readonly storage: LfsStorage
  readonly confirmObjects: ConfirmObjects
  readonly room: LfsRoom
  readonly audit: UploadAudit
}

/** Objects that are looked for at the same time. */
const mostAtOnce = 16

/** An object in the reply: what the client is to do, nothing where it is to do nothing, or why it cannot. */
type Answered = LfsPointer & {
  readonly actions?: Readonly<Partial<Record<LfsOperation | 'verify', DirectTransfer>>>
  readonly error?: { readonly code: number; readonly message: string }
}

/**
 * Answers which of a batch's objects are there, and where each of them is or goes. Changes nothing on the disk.
 *
 * Source: docs/api/batch.md of https://github.com/git-lfs/git-lfs
 *
 * @param place undefined where the repository is yet to be created
 * @throws {Refusal} `lfs_bad_request`, `lfs_batch_too_large`, `repository_full`, `term_over`, `copies_lost`
 */
export async function answerBatch(
  { exchange, request, tenure }: LfsCall<LfsBatch>,
  place: LfsPlace | undefined,
  { storage, confirmObjects, room, audit }: BatchServices,
): Promise<void> {
  const { operation, objects } = readBatch(await readJsonBody(exchange))
  if (request.operation !== undefined && request.operation !== operation) {
    throw new Refusal('lfs_bad_request', { sentence: 'The address and the body say different operations.' })
  }
  const address = `${repositoryAddress(exchange.incoming, request.repository)}/info/lfs/objects`
  const answer = operation === 'download' ? forDownload : forUpload
  const answered: Answered[] = []
  for (let at = 0; at < objects.length; at += mostAtOnce) {
    exchange.signal.throwIfAborted()
    const some = objects.slice(at, at + mostAtOnce)
    answered.push(...(await Promise.all(some.map((pointer) => answer(pointer, place, storage, address, room)))))
  }
  if (place && operation === 'upload') {
    // An upload of them may never have been acknowledged.
    const stored = answered.filter(({ actions, error }) => !actions && !error)
    if (stored.length > 0)
      await confirmObjects(
        place,
        stored.map(({ oid, size }) => ({ oid, size })),
        tenure,
      )
  }
  for (const { oid, actions } of answered) if (actions?.verify) audit.expect(request.repository, oid)
  const newBytes = answered.reduce((sum, { size, actions }) => sum + (actions?.upload ? size : 0), 0)
  if (newBytes > 0) await room.check(request.repository, place, newBytes)
  await replyLfs(exchange, 200, { transfer: 'basic', hash_algo: 'sha256', objects: answered })
}

async function forDownload(
  pointer: LfsPointer,
  place: LfsPlace | undefined,
  storage: LfsStorage,
  address: string,
): Promise<Answered> {
  const size = place && (await storage.sizeOf(place, pointer.oid))
  if (!place || size === undefined) {
    return { ...pointer, error: { code: 404, message: new Refusal('lfs_object_missing').sentence } }
  }
  const direct = await storage.direct?.(place, pointer, 'download')
  return { ...pointer, size, actions: { download: direct ?? { href: `${address}/${pointer.oid}` } } }
}

async function forUpload(
  pointer: LfsPointer,
  place: LfsPlace | undefined,
  storage: LfsStorage,
  address: string,
  room: LfsRoom,
): Promise<Answered> {
  const { oid, size } = pointer
  const stored = place && (await storage.freshen(place, oid))
  if (stored === size) return pointer
  const problem = stored === undefined ? room.problemWith(size) : new Refusal('lfs_object_differs')
  if (problem !== undefined) return { ...pointer, error: { code: 422, message: problem.sentence } }
  const direct = place && (await storage.direct?.(place, pointer, 'upload'))
  if (direct) return { ...pointer, actions: { upload: direct, verify: { href: `${address}/verify` } } }
  // What goes through this host is verified as it comes.
  return { ...pointer, actions: { upload: { href: `${address}/${oid}` } } }
}

/** The address of a repository as the client knows it. A client that asks this host directly has named it. */
function repositoryAddress({ headers, socket }: IncomingMessage, repository: string): string {
  const told = addressOf(headers)
  if (told !== undefined) return told
  const scheme = 'encrypted' in socket && socket.encrypted === true ? 'https' : 'http'
  return `${scheme}://${headers.host ?? 'localhost'}/${repository.split('/').map(encodeURIComponent).join('/')}`
}
