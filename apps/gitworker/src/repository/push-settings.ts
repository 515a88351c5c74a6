import type { OwnSettings } from '../git/push-config.ts'
import { ownNames } from '../git/push-config.ts'
import type { RunJob } from '../process/job.ts'
import { ConfigLookup } from './config-lookup.ts'

/** What the repositories' own configurations set for pushes. */
export class PushSettings {
  readonly #settings = new ConfigLookup<OwnSettings>({
    words: new RegExp(ownNames.map((name) => name.split('.')[1]).join('|'), 'i'),
    unset: new Map(),
    query: ['--null', '--get-regexp', '--end-of-options', `^(${ownNames.map(escaped).join('|')})$`],
    parse: settingsIn,
  })

  /** @throws {Refusal} `repository_unreadable` where git cannot read the configuration */
  async of(gitDir: string, runJob: RunJob): Promise<OwnSettings> {
    return await this.#settings.of(gitDir, runJob)
  }
}

function escaped(name: string): string {
  return name.replace('.', '\\.')
}

/** `--null`: each setting ends with a NUL. A line feed separates its name from its value; without one, it has no value. */
function settingsIn(output: string): OwnSettings {
  const settings = output.split('\0').slice(0, -1)
  return new Map(
    settings.map((setting) => {
      const end = setting.indexOf('\n')
      return end === -1 ? [setting, null] : [setting.slice(0, end), setting.slice(end + 1)]
    }),
  )
}
