import { Refusal } from '@sluice/shared/refusal/refusal'
import type { GitReport } from '../process/worker-message.ts'
import type { GitReply } from './git-reply.ts'

/**
 * A file that git writes, such as an archive. There is no place in it for a message of git's, and a part of it must never
 * look like a whole: where git fails, the reply is cut.
 */
export class DownloadReply implements GitReply {
  readonly hasReported = false
  readonly reportFrom = undefined
  readonly hasWholeReport = false

  take(): undefined {}

  /** @throws {Refusal} `git_failed` */
  async verdict({ code }: Pick<GitReport, 'code'>, stderr: () => Promise<string>): Promise<undefined> {
    if (code !== 0) throw new Refusal('git_failed', { cause: new Error(await stderr()) })
  }
}
