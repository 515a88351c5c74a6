import { readPointer } from '@sluice/shared/lfs/batch-request'
import type { LfsVerify } from '@sluice/shared/lfs/lfs-request'
import { readJsonBody } from '@sluice/shared/exchange/json-body'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { LfsCall } from '../call/lfs-call.ts'
import { replyLfs } from '../call/lfs-reply.ts'
import type { LfsPlace } from '../storage/lfs-storage.ts'
import type { BatchServices } from './answer-batch.ts'

/**
 * Answers whether an object that was uploaded has arrived.
 *
 * Source: "Verification" in docs/api/basic-transfers.md of https://github.com/git-lfs/git-lfs
 *
 * @param place undefined where the repository is yet to be created
 * @throws {Refusal} `lfs_bad_request`, `lfs_object_missing`, `lfs_object_differs`
 */
export async function answerVerify(
  { exchange, request, tenure }: LfsCall<LfsVerify>,
  place: LfsPlace | undefined,
  { storage, confirmObjects, audit }: Pick<BatchServices, 'storage' | 'confirmObjects' | 'audit'>,
): Promise<void> {
  const { oid, size } = readPointer(await readJsonBody(exchange))
  const stored = place && (await storage.freshen(place, oid))
  if (!place || stored === undefined) throw new Refusal('lfs_object_missing')
  if (stored !== size) throw new Refusal('lfs_object_differs')
  await confirmObjects(place, [{ oid, size }], tenure)
  // What goes through this host has its line already.
  if (storage.direct) await audit.recordArrived(exchange, request.repository, { oid, size })
  await replyLfs(exchange, 200, { oid, size })
}
