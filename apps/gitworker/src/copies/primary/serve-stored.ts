import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { isOid } from '@sluice/shared/lfs/lfs-request'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { ObjectPlace, ObjectStore } from '../object-store.ts'

/** Answers a copy with a page of a repository's objects of LFS. */
export async function servePage(
  store: ObjectStore,
  place: ObjectPlace,
  after: string,
  outgoing: ServerResponse,
): Promise<void> {
  const page = await store.page(place, after)
  outgoing.writeHead(200, { 'Content-Type': 'application/json' })
  outgoing.end(`${JSON.stringify(page)}\n`)
}

/** Answers a copy with an object's bytes, at its pace. @throws {Refusal} `lfs_object_missing` */
export async function serveStored(
  store: ObjectStore,
  place: ObjectPlace,
  oid: string,
  outgoing: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  await using object = isOid(oid) ? await store.open(place, oid) : undefined
  if (!object) throw new Refusal('lfs_object_missing')
  outgoing.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': object.size })
  if (object.size > 0) await pipeline(object.stream(), outgoing, { signal })
  else outgoing.end()
}
