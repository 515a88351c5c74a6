import { RepositoryConfig } from '../git/repository-config.ts'
import { valuesIn } from '../git/config-output.ts'
import type { RunJob } from '../process/job/job.ts'
import { ConfigLookup } from '../repository/config-lookup.ts'

/*
 * A repository that a mirror may overwrite says so in its own configuration:
 *
 *   [sluice]
 *     mirror = vendor/project                          the entry's name
 *     mirrorUpstream = https://git.example.org/p.git   and its upstream
 *
 * Sluice writes it into what it has copied itself. The first push to a repository that is no mirror any more takes it
 * away, so that an entry that comes back later overwrites no push.
 */

export type MirrorMark = { readonly name: string; readonly upstream: string }

export class MirrorMarks {
  readonly #lookup = new ConfigLookup<MirrorMark | 'none'>({
    words: /mirror/i,
    unset: 'none',
    query: ['--null', '--get-regexp', '--end-of-options', String.raw`^sluice\.mirror(upstream)?$`],
    parse: (output) => {
      const values = valuesIn(output)
      const name = values.get('sluice.mirror')
      return name ? { name, upstream: values.get('sluice.mirrorupstream') ?? '' } : 'none'
    },
  })
  readonly #runJob: RunJob

  constructor(runJob: RunJob) {
    this.#runJob = runJob
  }

  /** @throws {Refusal} `repository_unreadable` */
  async of(gitDir: string): Promise<MirrorMark | undefined> {
    const mark = await this.#lookup.of(gitDir, this.#runJob)
    return mark === 'none' ? undefined : mark
  }

  async write(gitDir: string, { name, upstream }: MirrorMark): Promise<void> {
    const config = [`--git-dir=${gitDir}`, 'config', '--local']
    await this.#runJob([...config, 'sluice.mirror', name])
    await this.#runJob([...config, 'sluice.mirrorUpstream', upstream])
  }

  /** To be called before a push that is taken. Costs a look at the configuration's text. */
  async remove(gitDir: string): Promise<void> {
    const config = RepositoryConfig.read(gitDir)
    if (config && !config.mentions(/mirror/i)) return
    if (!(await this.of(gitDir))) return
    // Exit code 5: it was not set.
    await this.#runJob([`--git-dir=${gitDir}`, 'config', '--local', '--unset-all', 'sluice.mirror'], {
      okCodes: [0, 5],
    })
  }
}
