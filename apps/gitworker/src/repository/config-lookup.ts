import { LRUCache } from 'lru-cache'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { RepositoryConfig } from '../git/repository-config.ts'
import { JobError } from '../process/job/job.ts'
import type { RunJob } from '../process/job/job.ts'

const maxRemembered = 10_000

/** Something that a repository's own configuration may set. */
export type ConfigSubject<T extends {}> = {
  /** At least one of these is in every text that sets it. */
  readonly words: RegExp
  /** Its value where the configuration does not set it. */
  readonly unset: T
  /** The arguments of `git config` that read it. */
  readonly query: readonly string[]
  /** @param output what `git config` has written; empty where nothing is set */
  readonly parse: (output: string) => T
}

/**
 * Looks up one subject in the configurations of repositories. git is asked only if a configuration mentions the subject, and
 * only once for each text; so hardly any request costs a process.
 */
export class ConfigLookup<T extends {}> {
  readonly #subject: ConfigSubject<T>
  readonly #known = new LRUCache<string, T>({ max: maxRemembered })

  constructor(subject: ConfigSubject<T>) {
    this.#subject = subject
  }

  /** @throws {Refusal} `repository_unreadable` where git cannot read the configuration */
  async of(gitDir: string, runJob: RunJob): Promise<T> {
    const config = RepositoryConfig.read(gitDir)
    if (!config) return await this.#askGit(gitDir, runJob)
    if (!config.mentions(this.#subject.words)) return this.#subject.unset
    const { hash } = config
    const known = this.#known.get(hash)
    if (known !== undefined) return known
    const value = await this.#askGit(gitDir, runJob)
    this.#known.set(hash, value)
    return value
  }

  async #askGit(gitDir: string, runJob: RunJob): Promise<T> {
    const { query, parse } = this.#subject
    try {
      // Exit code 1: nothing is set.
      return parse(await runJob(['--git-dir', gitDir, 'config', ...query], { okCodes: [0, 1] }))
    } catch (cause) {
      throw cause instanceof JobError ? new Refusal('repository_unreadable', { cause }) : cause
    }
  }
}
