import type { LfsPointer } from '@sluice/shared/lfs/batch-request'
import { tellCopy } from '../link/tell-copy.ts'
import { readObjectsAnswer, toldObjectsPath } from '../link/told-objects.ts'
import { NotPrimaryError } from './primary-of.ts'
import type { TellServices } from './tell-state.ts'

/** The objects of LFS of a repository that a copy is to have. */
export type CopiedObjects = {
  /** Its plain name. */
  readonly repository: string
  readonly term: number
  readonly objects: readonly LfsPointer[]
}

/**
 * Tells a copy objects, and waits until it has them.
 *
 * @returns false where it has no such repository yet
 * @throws {NotPrimaryError} where it knows a newer term; {Error} where it cannot be reached, or fails
 */
export async function tellObjects(
  { view, links, copyTimeout }: TellServices,
  copy: string,
  objects: CopiedObjects,
): Promise<boolean> {
  const address = view.addressOf(copy)
  if (!address) throw new Error(`${copy} does not live.`)
  const telling = { path: toldObjectsPath, told: { ...objects, primary: view.name }, readAnswer: readObjectsAnswer }
  const answer = await tellCopy(links, address, telling, copyTimeout, never)
  if (!('failed' in answer)) return answer.has
  if (answer.isOver) throw new NotPrimaryError(`${copy} says: ${answer.failed}`)
  throw new Error(`${copy} says: ${answer.failed}`)
}

const never = new AbortController().signal
