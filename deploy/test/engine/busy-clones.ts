import { join } from 'node:path'
import { tryGit } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'

/** Clones one repository again and again, until it is stopped. */
export class BusyClones implements AsyncDisposable {
  readonly #folder: string
  readonly #url: string
  readonly #over = new AbortController()
  readonly #failures: string[] = []
  readonly #loop: Promise<void>
  #done = 0

  constructor(folder: string, url: string) {
    this.#folder = folder
    this.#url = url
    this.#loop = this.#run()
  }

  /** Resolves when some more have been made. */
  async some(): Promise<void> {
    const before = this.#done
    await until('some clones', () => this.#done >= before + 3)
  }

  /** @returns what failed */
  async stop(): Promise<readonly string[]> {
    this.#over.abort()
    await this.#loop
    return this.#failures
  }

  async #run(): Promise<void> {
    for (; !this.#over.signal.aborted; this.#done++) {
      const { code, stderr } = await tryGit(this.#folder, [
        'clone',
        '--quiet',
        this.#url,
        join('busy', `${this.#done}`),
      ])
      if (code !== 0) this.#failures.push(stderr)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
