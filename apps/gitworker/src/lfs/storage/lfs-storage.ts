import type { Readable, Writable } from 'node:stream'
import type { LfsOperation } from '@sluice/shared/lfs/lfs-request'
import type { Tenure } from '../../cluster/placement/tenure.ts'
import type { LfsPointer } from '@sluice/shared/lfs/batch-request'

/** A repository, as a storage of objects knows it. */
export type LfsPlace = {
  /** Its plain name. */
  readonly repository: string
  /** Its git directory, or what the work trees of it share: absolute, free of symbolic links. */
  readonly gitDir: string
}

/** Bytes of an object, from `start` to `end`, both included. */
export type ByteRange = { readonly start: number; readonly end: number }

/** An object that is being read. Disposing of it closes it. */
export type StoredObject = AsyncDisposable & {
  /** In bytes. */
  readonly size: number
  /** Streams the object, or a range of it. To be called once. */
  stream(range?: ByteRange): Readable
}

/** An object that is being written. Disposing of it before it is stored leaves nothing. */
export type IncomingObject = AsyncDisposable & {
  /** Takes the bytes, at the storage's pace. Not ended by whoever writes to it. */
  readonly sink: Writable
  /**
   * To be called when all bytes have been written. When it has returned, the object survives a loss of power. Where somebody
   * else has stored the same meanwhile, there is one.
   *
   * @returns whether it is new here
   * @throws {Refusal} `lfs_object_differs` where these bytes are not the object; then nothing is stored
   */
  store(): Promise<boolean>
}

/** An object that is stored, as a listing has it. */
export type ListedObject = LfsPointer & {
  /** When it was uploaded, or last asked for by somebody who was about to push: milliseconds since 1970. */
  readonly usedAt: number
}

/** How a client transfers an object without this host: "actions" in docs/api/batch.md of git-lfs. */
export type DirectTransfer = {
  readonly href: string
  readonly header?: Readonly<Record<string, string>>
  /** In seconds. */
  readonly expires_in?: number
}

/** Where the objects of LFS are kept. They are named by their SHA-256, so what is stored never changes. */
export type LfsStorage = {
  /** @returns the size in bytes; undefined where there is no such object */
  sizeOf(place: LfsPlace, oid: string): Promise<number | undefined>
  /**
   * The same, for somebody who is about to push a reference to the object. It counts as new from now on, so that it is not
   * pruned before the push.
   */
  freshen(place: LfsPlace, oid: string): Promise<number | undefined>
  /** @returns undefined where there is no such object */
  open(place: LfsPlace, oid: string): Promise<StoredObject | undefined>
  /**
   * Begins to store an object, whether or not there is one already.
   *
   * @param size in bytes, where the client has told it
   */
  receive(place: LfsPlace, oid: string, size?: number): Promise<IncomingObject>
  /** All objects of a repository, in no order. */
  list(place: LfsPlace): AsyncIterable<ListedObject>
  /**
   * Removes an object that nobody has asked for since.
   *
   * @param usedBefore milliseconds since 1970
   * @returns whether it was removed
   */
  remove(place: LfsPlace, oid: string, usedBefore: number): Promise<boolean>
  /** Gives a fork all objects of its origin. @param to the fork, which nobody uses yet */
  share(from: LfsPlace, to: LfsPlace): Promise<void>
  /** Removes what uploads have left that certainly go on no more. */
  tidy?(place: LfsPlace): Promise<void>
  /** Where clients transfer objects without this host. Undefined: always through it. */
  direct?(place: LfsPlace, pointer: LfsPointer, operation: LfsOperation): Promise<DirectTransfer | undefined>
  /**
   * Removes what a repository has elsewhere than in its git directory, which is about to be removed for good.
   *
   * @param others all other repositories, of which one may be a copy and use the same; throws where they are not known
   */
  discard?(place: LfsPlace, others: AsyncIterable<Pick<LfsPlace, 'gitDir'>>): Promise<void>
  /** Rejects where the storage does not answer as it should. */
  probe?(): Promise<void>
  /** The largest object that can be kept, in bytes. Undefined: there is no such limit. */
  readonly maxObject?: number
}

/**
 * Called when objects are in this host's storage, before a client is told that they are. Throws where nobody may be told,
 * such as where not enough other hosts have them.
 *
 * @param tenure of the request; undefined where there is one host only
 */
export type ConfirmObjects = (
  place: LfsPlace,
  objects: readonly LfsPointer[],
  tenure: Tenure | undefined,
) => Promise<void>
