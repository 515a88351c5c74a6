import type { RequestRecord } from '../operations/request-record.ts'
import { isCommitted, pushCommands } from './push-commands.ts'
import type { RequestBody } from '../body/request-body.ts'
import type { RunJob } from '../process/job/job.ts'
import type { RequestNote } from '../process/request-note.ts'

export type CleanUpServices = {
  readonly sweeper: {
    /** @returns the paths of what was removed */
    sweep(noteFile: string): Promise<string[]>
  }
  readonly runJob: RunJob
}

/** After a push that did not end by itself: removes what it has left, and finds out whether it took effect nevertheless. */
export async function cleanUpAfterPush(
  { sweeper, runJob }: CleanUpServices,
  gitDir: string,
  body: RequestBody,
  note: RequestNote,
  record: RequestRecord,
): Promise<void> {
  try {
    if (note.file !== undefined) (record.swept ??= []).push(...(await sweeper.sweep(note.file)))
    // Not with the exchange's signal, which has been aborted.
    const committed = await isCommitted(gitDir, pushCommands(body.beginning), runJob)
    if (!committed) return
    if (record.refusal?.reason === 'client_gone') record.committedAfterDisconnect = true
    // A client that has git's report on each reference knows.
    else if (record.refusal && !record.rejected) record.committedBeforeEnd = true
  } catch (error) {
    // For the log: the client has its answer, or is gone.
    record.tidyError = error
  }
}
