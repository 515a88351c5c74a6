import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolders } from '@sluice/shared/machine/make-folders'
import type { Position } from '../journal/position.ts'
import { isGone } from '../journal/segments.ts'

/** An event that a receiver has not taken in all its time. */
export type Parked = {
  readonly id: string
  readonly at: Position
  readonly repository: string
  readonly attempts: number
  /** ISO 8601. */
  readonly parkedAt: string
  readonly why: string
}

/** How far a receiver has come, as it is kept on the disk. */
export type ReceiverState = {
  /** Everything before it was sent, or is in `lanes` or `parked`. */
  readonly cursor: Position
  /** Repositories with an event that is being sent, or tried again: where it is. */
  readonly lanes: readonly { readonly repository: string; readonly at: Position }[]
  readonly parked: readonly Parked[]
}

const folderName = 'receivers'

/** @returns undefined for a receiver that is new; `broken` where the file cannot be understood */
export async function readState(journal: string, receiver: string): Promise<ReceiverState | 'broken' | undefined> {
  try {
    const state = JSON.parse(await readFile(pathOf(journal, receiver), 'utf8')) as Partial<ReceiverState>
    const isWhole = Number.isInteger(state.cursor?.segment) && Array.isArray(state.lanes) && Array.isArray(state.parked)
    return isWhole ? (state as ReceiverState) : 'broken'
  } catch (error) {
    return isGone(error) ? undefined : 'broken'
  }
}

/** Replaces the file as a whole. An older one only makes events come twice. @throws the system's error */
export async function writeState(journal: string, receiver: string, state: ReceiverState): Promise<void> {
  await makeFolders(join(journal, folderName))
  const path = pathOf(journal, receiver)
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(JSON.stringify(state))
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
}

function pathOf(journal: string, receiver: string): string {
  return join(journal, folderName, `${receiver}.json`)
}
