import type { Journal } from '../journal/journal.ts'
import type { OpenPushes } from './open-pushes.ts'
import type { NewOperation, OperationEvents } from './operation-events.ts'

/** A repository that may come of an upload. */
export type OpenCreation = {
  /**
   * The repository is there, and was made for this upload or for another request that is under way.
   *
   * @param folder relative to the root
   * @param isOwn whether it was made for this very upload
   */
  made(folder: string, isOwn: boolean): void
  /**
   * The upload is over. Resolves when what came of it is on the disk, or has to wait. Never rejects.
   *
   * @param folder of the repository, if it is there to stay
   */
  end(folder: string | undefined): Promise<void>
}

/**
 * Repositories that uploads of LFS create, since the first objects come before the push. Several uploads may be under way
 * to one, and a push: the first that ends when the repository is there to stay tells it, and no other does.
 */
export class UploadCreations {
  readonly #journal: Pick<Journal, 'check'>
  readonly #operations: OperationEvents
  readonly #pushes: OpenPushes

  constructor(journal: Pick<Journal, 'check'>, operations: OperationEvents, pushes: OpenPushes) {
    this.#journal = journal
    this.#operations = operations
    this.#pushes = pushes
  }

  /**
   * Resolves when the intent is on the disk. Then the repository may be made.
   *
   * @param who whoever uploads
   * @throws {Refusal} `events_unavailable`
   */
  async begin(repository: string, who: Pick<NewOperation, 'user' | 'requestId'>): Promise<OpenCreation> {
    await this.#journal.check()
    const told = await this.#operations.begin({ kind: 'create', repository, ...who, mayBeTold: true })
    let isMade = false
    return {
      made: (folder, isOwn) => {
        isMade = true
        if (isOwn) this.#pushes.noteCreation(folder, false)
      },
      end: async (folder) => {
        if (!isMade || folder === undefined || this.#pushes.isCreationTold(folder)) return await told.abandon()
        this.#pushes.noteCreation(folder, true)
        await told.finish()
      },
    }
  }
}
