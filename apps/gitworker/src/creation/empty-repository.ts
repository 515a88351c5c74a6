import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunJob } from '../process/job/job.ts'
import { initRepository } from './create-repository.ts'
import type { ObjectFormat } from './create-repository.ts'
import { creationRefusal } from './creation-refusal.ts'
import { isGitDirectory } from '../repository/repository.ts'

/**
 * An empty repository in the supervisor's runtime directory. It is made in the same way as the repository of a first
 * push, so git advertises it exactly as it would advertise that one. A first push is shown its advertisement, so asking
 * creates nothing. Nothing is ever pushed to it. Requests read it, and the cache keeps its advertisement, as for any
 * other repository.
 */
export class EmptyRepository {
  readonly #folder: string
  readonly #format: ObjectFormat
  readonly #runJob: RunJob
  #making: Promise<void> | undefined

  private constructor(folder: string, format: ObjectFormat, runJob: RunJob) {
    this.#folder = folder
    this.#format = format
    this.#runJob = runJob
  }

  /** Removes the one of an earlier supervisor, which may have had another git. A new one is made when it is needed. */
  static async open(runFolder: string, format: ObjectFormat, runJob: RunJob): Promise<EmptyRepository> {
    const folder = join(runFolder, 'empty.git')
    await rm(folder, { recursive: true, force: true })
    return new EmptyRepository(folder, format, runJob)
  }

  /** @throws {Refusal} `create_failed`, `disk_full` where it cannot be made, or there is no worker for it */
  async gitDir(): Promise<string> {
    if (this.#making === undefined && isGitDirectory(this.#folder)) return this.#folder
    // Many requests may wait for it at once. It is made once, even if the first of them leaves.
    await (this.#making ??= this.#make().finally(() => (this.#making = undefined)))
    return this.#folder
  }

  async #make(): Promise<void> {
    try {
      await rm(this.#folder, { recursive: true, force: true })
      await initRepository(this.#folder, this.#format, this.#runJob)
    } catch (cause) {
      await rm(this.#folder, { recursive: true, force: true }).catch(() => {})
      throw creationRefusal(cause)
    }
  }
}
