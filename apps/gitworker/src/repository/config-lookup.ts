import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { JobError } from '../process/job.ts'
import type { RunJob } from '../process/job.ts'

const maxRemembered = 10_000

/** What a configuration includes can change while its own text does not. */
const includes = /include|worktreeconfig/i

/**
 * A question about a repository's own configuration. Only git can read that rightly, but a file without certain words
 * cannot say anything about them, and a text that git has read once need not be read again: nearly no request costs a
 * process.
 */
export class ConfigQuestion<T extends {}> {
  readonly #words: RegExp
  readonly #unsaid: T
  readonly #ask: (gitDir: string, about: string, runJob: RunJob) => Promise<T>
  readonly #answers = new LRUCache<string, T>({ max: maxRemembered })

  /**
   * @param words one of them must be in a text that has something to say
   * @param unsaid the answer of a text that says nothing
   * @param ask has git read the configuration
   */
  constructor(words: RegExp, unsaid: T, ask: (gitDir: string, about: string, runJob: RunJob) => Promise<T>) {
    this.#words = words
    this.#unsaid = unsaid
    this.#ask = ask
  }

  /**
   * @param about which of several answers that a text has
   * @throws {Refusal} `repository_unreadable` where git cannot read the configuration
   */
  async answer(gitDir: string, about: string, runJob: RunJob): Promise<T> {
    const text = await readFile(join(gitDir, 'config'), 'utf8').catch(() => undefined)
    if (text === undefined || includes.test(text)) return this.#askNow(gitDir, about, runJob)
    if (!this.#words.test(text)) return this.#unsaid
    const key = `${about} ${createHash('sha256').update(text).digest('base64')}`
    const known = this.#answers.get(key)
    if (known !== undefined) return known
    const answer = await this.#askNow(gitDir, about, runJob)
    this.#answers.set(key, answer)
    return answer
  }

  async #askNow(gitDir: string, about: string, runJob: RunJob): Promise<T> {
    try {
      return await this.#ask(gitDir, about, runJob)
    } catch (cause) {
      throw cause instanceof JobError ? new Refusal('repository_unreadable', { cause }) : cause
    }
  }
}
