import { join, relative } from 'node:path'
import type { RunJob } from '../../process/job/job.ts'
import { ConfigLookup } from '../../repository/config-lookup.ts'
import type { ReadOnlyRules } from '../../repository/read-only.ts'
import { beginningOf } from '../../repository/repository.ts'
import { readOnlySentenceIn } from '../../repository/service-switch.ts'

/** What a repository says about itself. */
export type RepositoryFacts = {
  /** The branch that HEAD points to, such as `main`; or an id, where it points to a commit. */
  readonly head: string
  readonly objectFormat: string
  /** What is told to those who push to a read-only repository; an empty text where nothing in particular is. */
  readonly readOnly: string | null
  readonly description: string
}

/** As the setting is called in a repository's own configuration. */
export const readOnlyKey = 'sluice.readOnly'

/** Reads facts from files, and asks git only where a configuration mentions what is looked for. */
export class FactsReader {
  readonly #objectFormat = new ConfigLookup<string>({
    words: /objectformat/i,
    unset: 'sha1',
    query: ['--get', '--end-of-options', 'extensions.objectFormat'],
    parse: (output) => output.trim() || 'sha1',
  })
  readonly #readOnly = new ConfigLookup<{ readonly value: string | null }>({
    words: /readonly/i,
    unset: { value: null },
    query: ['--null', '--get-regexp', '--end-of-options', '^sluice\\.readonly$'],
    parse: (output) => ({ value: readOnlySentenceIn(output) }),
  })
  readonly #root: string
  readonly #rules: ReadOnlyRules
  readonly #runJob: RunJob

  /** @param rules which repositories are read-only whatever their own configuration says */
  constructor(root: string, rules: ReadOnlyRules, runJob: RunJob) {
    this.#root = root
    this.#rules = rules
    this.#runJob = runJob
  }

  /** @throws {Refusal} `repository_unreadable` */
  async of(gitDir: string, name: string): Promise<RepositoryFacts> {
    const byRule = this.#rules.sentenceFor([name, relative(this.#root, gitDir)])
    return {
      head: await this.#headOf(gitDir),
      objectFormat: await this.#objectFormat.of(gitDir, this.#runJob),
      readOnly: byRule ?? (await this.#readOnly.of(gitDir, this.#runJob)).value,
      description: descriptionOf(gitDir),
    }
  }

  async #headOf(gitDir: string): Promise<string> {
    const text = beginningOf(join(gitDir, 'HEAD'))?.trim() ?? ''
    // With reftable, the file says nothing. Exit code 1: HEAD is not symbolic.
    const target = !text.endsWith('/.invalid')
      ? text.replace(/^ref:\s*/, '')
      : (await this.#runJob(['--git-dir', gitDir, 'symbolic-ref', '--quiet', 'HEAD'], { okCodes: [0, 1] })).trim()
    return target.replace(/^refs\/heads\//, '')
  }
}

/** git's own template says that there is none. */
const unnamed = /^Unnamed repository;/

function descriptionOf(gitDir: string): string {
  const line = textOf(join(gitDir, 'description')).slice(0, 1000).split('\n', 1)[0]!.trim()
  return unnamed.test(line) ? '' : line
}

function textOf(path: string): string {
  try {
    return beginningOf(path) ?? ''
  } catch {
    return '' // It may not be read, and nothing depends on it.
  }
}
