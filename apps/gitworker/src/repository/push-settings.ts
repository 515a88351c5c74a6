import type { OwnSettings } from '../git/push-config.ts'
import { ownNames } from '../git/push-config.ts'
import type { RunJob } from '../process/job.ts'
import { ConfigQuestion } from './config-lookup.ts'

const words = new RegExp([...new Set(ownNames.map((name) => name.split('.')[1]))].join('|'), 'i')
const pattern = `^(${ownNames.map((name) => name.replace('.', '\\.')).join('|')})$`

/** What repositories' own configurations say of pushes. */
export class PushSettings {
  readonly #question = new ConfigQuestion<OwnSettings>(words, new Map(), ask)

  /** @throws {Refusal} `repository_unreadable` where git cannot read the configuration */
  async of(gitDir: string, runJob: RunJob): Promise<OwnSettings> {
    return this.#question.answer(gitDir, '', runJob)
  }
}

async function ask(gitDir: string, _about: string, runJob: RunJob): Promise<OwnSettings> {
  const args = ['--git-dir', gitDir, 'config', '--null', '--get-regexp', '--end-of-options', pattern]
  // 1: none is set.
  const output = await runJob(args, { okCodes: [0, 1] })
  // Each a name, and after a line feed its value; a name alone has none.
  const settings = output.split('\0').slice(0, -1)
  return new Map(
    settings.map((setting) => {
      const end = setting.indexOf('\n')
      return end === -1 ? [setting, null] : [setting.slice(0, end), setting.slice(end + 1)]
    }),
  )
}
