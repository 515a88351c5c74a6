import type { Readable, Writable } from 'node:stream'
import type { LfsPointer } from '@sluice/shared/lfs/batch-request'
import { commonDirOf } from '../repository/repository.ts'

/** A repository: its plain name, and its git directory, or what its work trees share. */
export type ObjectPlace = { readonly repository: string; readonly gitDir: string }

/** Some objects of a repository, and where to go on; null: there are no more. */
export type ObjectPage = { readonly objects: readonly LfsPointer[]; readonly next: string | null }

/** The objects of LFS on this host's disk, as copies see them. The storage of LFS implements it. */
export type ObjectStore = {
  /** In bytes; undefined where there is no such object. */
  sizeOf(place: ObjectPlace, oid: string): Promise<number | undefined>
  open(place: ObjectPlace, oid: string): Promise<OpenObject | undefined>
  /** `store` rejects where the bytes are not the object. When it resolves, the object is on the disk. */
  receive(place: ObjectPlace, oid: string): Promise<ComingObject>
  /** @param after what `next` was on the page before; empty for the first page */
  page(place: ObjectPlace, after: string): Promise<ObjectPage>
  /** Whether there may be objects. Costs a look at one folder. */
  mayHave(place: ObjectPlace): boolean
}

export type OpenObject = AsyncDisposable & { readonly size: number; stream(): Readable }

export type ComingObject = AsyncDisposable & { readonly sink: Writable; store(): Promise<boolean> }

export function objectPlaceOf(repository: string, gitDir: string): ObjectPlace {
  return { repository, gitDir: commonDirOf(gitDir) }
}
