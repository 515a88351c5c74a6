import { errnoOf } from '@sluice/shared/machine/errno'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { reasonInWords } from '../git/faults.ts'
import { JobError } from '../process/job/job.ts'

/** Why a repository could not be made. Whoever pushes is told if the disk is full. */
export function creationRefusal(cause: unknown): Refusal {
  if (cause instanceof Refusal) return cause
  const isFull = cause instanceof JobError ? reasonInWords(cause.message) === 'disk_full' : isOfFullDisk(cause)
  return new Refusal(isFull ? 'disk_full' : 'create_failed', { cause })
}

function isOfFullDisk(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(errnoOf(error))
}
