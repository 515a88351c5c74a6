import type { OwnSettings } from '../git/push-config.ts'
import { ownNames } from '../git/push-config.ts'
import { valuesIn } from '../git/config-output.ts'
import type { RunJob } from '../process/job/job.ts'
import { ConfigLookup } from './config-lookup.ts'

/** What the repositories' own configurations set for pushes. */
export class PushSettings {
  readonly #settings = new ConfigLookup<OwnSettings>({
    words: new RegExp(ownNames.map((name) => name.split('.')[1]).join('|'), 'i'),
    unset: new Map(),
    query: ['--null', '--get-regexp', '--end-of-options', `^(${ownNames.map(escaped).join('|')})$`],
    parse: valuesIn,
  })

  /** @throws {Refusal} `repository_unreadable` where git cannot read the configuration */
  async of(gitDir: string, runJob: RunJob): Promise<OwnSettings> {
    return await this.#settings.of(gitDir, runJob)
  }
}

function escaped(name: string): string {
  return name.replace('.', '\\.')
}
