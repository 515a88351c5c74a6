import { pipeline } from 'node:stream/promises'
import { checkRepositoryName } from '@sluice/shared/git/repository-name'
import type { LfsPointer } from '@sluice/shared/lfs/batch-request'
import { findRepository } from '../../repository/repository.ts'
import type { RepositoryUsers } from '../../repository/repository-users.ts'
import type { ToldObjects } from '../link/told-objects.ts'
import { objectPlaceOf } from '../object-store.ts'
import type { ObjectPlace, ObjectStore } from '../object-store.ts'
import type { SlotView } from '../slot-view.ts'
import type { AskObjects } from './ask-objects.ts'
import { progressOf } from './progress-of.ts'
import { checkTerm, whileTrue } from './term/current-term.ts'
import type { Terms } from './term/terms.ts'
import type { WantedFrom } from '../link/wanted-from.ts'

/** What objects are taken with: into this host's storage, from the primary's. */
export type ObjectServices = { readonly store: ObjectStore; readonly askObjects: AskObjects }

export type TakeObjectsServices = ObjectServices & {
  readonly root: string
  readonly view: SlotView
  readonly terms: Terms
  readonly users: RepositoryUsers
}

export type Taking = {
  readonly signal: AbortSignal
  /** Called whenever something has moved. */
  readonly onProgress: () => void
}

/** Gets the objects that were taken and not there before: a thousand at most. */
export type OnTaken = (taken: readonly LfsPointer[]) => Promise<void>

/**
 * Has the objects that a primary has told.
 *
 * @returns false where there is no such repository
 * @throws {NotFollowedError} where this host may not follow; {Refusal}; what the disk and the primary throw
 */
export async function takeObjects(services: TakeObjectsServices, told: ToldObjects, taking: Taking): Promise<boolean> {
  const { root, view, terms, users } = services
  checkRepositoryName(told.repository)
  await checkTerm(view, terms, told)
  const found = findRepository(root, told.repository)
  if (!found) return false
  using _use = users.enter(found.gitDir)
  // A primary that is stopped keeps its connections, and another host takes its place meanwhile.
  using isTrue = whileTrue(view, terms, told)
  const signal = AbortSignal.any([taking.signal, isTrue.signal])
  await takeEach(services, told, objectPlaceOf(told.repository, found.gitDir), told.objects, { ...taking, signal })
  return true
}

/**
 * Takes all objects that the primary has, and this host lacks. Those that only this host has stay.
 *
 * @param place of the repository, which may not have its name yet
 * @throws what the disk and the primary throw, and the signal's reason
 */
export async function takeAllObjects(
  services: ObjectServices,
  from: WantedFrom,
  place: ObjectPlace,
  taking: Taking,
  onTaken: OnTaken = async () => {},
): Promise<void> {
  for (let after: string | null = ''; after !== null;) {
    const { objects, next } = await services.askObjects.page(from, after, taking.signal)
    const taken = await takeEach(services, from, place, objects, taking)
    if (taken.length > 0) await onTaken(taken)
    after = next
  }
}

async function takeEach(
  services: ObjectServices,
  from: WantedFrom,
  place: ObjectPlace,
  objects: readonly LfsPointer[],
  taking: Taking,
): Promise<LfsPointer[]> {
  const taken: LfsPointer[] = []
  for (const pointer of objects) {
    taking.signal.throwIfAborted()
    if (await takeOne(services, from, place, pointer, taking)) taken.push(pointer)
    taking.onProgress()
  }
  return taken
}

/** @returns whether it was not there before */
async function takeOne(
  { store, askObjects }: ObjectServices,
  from: WantedFrom,
  place: ObjectPlace,
  { oid, size }: LfsPointer,
  { signal, onProgress }: Taking,
): Promise<boolean> {
  const present = await store.sizeOf(place, oid)
  if (present === size) return false
  if (present !== undefined) {
    const sizes = `has ${present} bytes here, and ${size} at the primary`
    throw new Error(`The object ${oid} of LFS of ${place.repository} ${sizes}. Remove the wrong one.`)
  }
  await using object = await store.receive(place, oid)
  const bytes = await askObjects.object(from, oid, signal)
  await pipeline(bytes, progressOf(onProgress), object.sink, { end: false, signal })
  using _writing = signsOfLife(onProgress)
  await object.store()
  return true
}

/** While a disk writes what it was given, for a minute at most. */
function signsOfLife(onProgress: () => void): Disposable {
  let left = longestSyncMs / signEveryMs
  const timer = setInterval(() => {
    if (left-- > 0) onProgress()
  }, signEveryMs)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

const signEveryMs = 500
const longestSyncMs = 60_000
