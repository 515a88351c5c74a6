import type { Account } from '../operations/request-record.ts'
import type { Host } from '../request/host.ts'
import { isCommitted, pushCommands } from './push-commands.ts'
import type { RequestBody } from '../body/request-body.ts'
import type { RequestNote } from '../process/request-note.ts'

/** After a push that did not end by itself: removes what it left, and finds out whether it took effect all the same. */
export async function tidyAfterPush(
  host: Host,
  gitDir: string,
  body: RequestBody,
  note: RequestNote,
  account: Account,
): Promise<void> {
  try {
    if (note.file !== undefined) (account.swept ??= []).push(...(await host.sweeper.sweep(note.file)))
    // Not with the exchange's signal, which is what has ended it.
    const committed = await isCommitted(gitDir, pushCommands(body.beginning), host.runJob)
    if (!committed) return
    if (account.refusal?.reason === 'client_gone') account.committedAfterDisconnect = true
    // Who has been told what became of each reference knows it.
    else if (account.refusal && !account.rejected) account.committedBeforeEnd = true
  } catch (error) {
    // The client has its answer, or is gone; this is for the log.
    account.tidyError = error
  }
}
