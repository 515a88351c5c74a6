import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { valuesIn } from '../git/config-output.ts'
import { RepositoryConfig } from '../git/repository-config.ts'
import type { RunJob } from '../process/job/job.ts'

/*
 * A repository that another host has given to this one for a new name says so in its own configuration until the old name is
 * gone:
 *
 *   [sluice]
 *     givenFrom = GIFT TRASH OLD-NAME
 *
 * So its copies say it, too, and whoever becomes its primary. Meanwhile, it takes no pushes.
 */

/** Which gift it is, and what the old one is called in the trash when it is gone. */
export type GivenMark = { readonly repository: string; readonly gift: string; readonly trash: string }

/** As it is called in configurations. */
const key = 'sluice.givenFrom'

/** It is in every configuration that has a mark. */
export const givenWord = /givenfrom/i

/** As a regular expression of git's. */
export const givenKey = String.raw`sluice\.givenfrom`

/** @param config of the repository under its old name, one character for each byte @returns the same with the mark */
export function withGivenMark(config: string, mark: GivenMark): string {
  const end = config === '' || config.endsWith('\n') ? '' : '\n'
  return `${config}${end}${markLines(mark)}`
}

/** What a configuration may have been before it got the mark. Empty where it has another one, or something after it. */
export function withoutGivenMark(config: string, mark: GivenMark): string[] {
  const lines = markLines(mark)
  if (!config.endsWith(lines)) return []
  const plain = config.slice(0, -lines.length)
  return plain.endsWith('\n') ? [plain, plain.slice(0, -1)] : [plain]
}

function markLines({ gift, trash, repository }: GivenMark): string {
  const value = Buffer.from([gift, trash, repository].join(' ')).toString('latin1')
  return `[sluice]\n\tgivenFrom = "${value.replace(/["\\]/g, String.raw`\$&`)}"\n`
}

/** From now on, it takes pushes. */
export async function removeGivenMark(gitDir: string, runJob: RunJob): Promise<void> {
  // Exit code 5: it was not set.
  await runJob(['--git-dir', gitDir, 'config', '--unset-all', key], { okCodes: [0, 5] })
  await syncConfig(gitDir)
}

/** Whether it may have one. Costs a look at the configuration's text. */
export function mayHaveGivenMark(gitDir: string): boolean {
  return RepositoryConfig.read(gitDir)?.mentions(givenWord) ?? true
}

/** @returns undefined where it has none @throws {JobError} where git cannot read the configuration */
export async function readGivenMark(gitDir: string, runJob: RunJob): Promise<GivenMark | undefined> {
  if (!mayHaveGivenMark(gitDir)) return undefined
  const query = ['config', '--local', '--null', '--get-regexp', '--end-of-options', `^${givenKey}$`]
  // Exit code 1: it is not set.
  const value = valuesIn(await runJob(['--git-dir', gitDir, ...query], { okCodes: [0, 1] })).get('sluice.givenfrom')
  const [, gift, trash, repository] = /^([0-9a-f]{32}) (\S+) (.+)$/s.exec(value ?? '') ?? []
  return gift !== undefined && trash !== undefined && repository !== undefined ? { gift, trash, repository } : undefined
}

/** git does not wait for the disk when it writes a configuration. */
async function syncConfig(gitDir: string): Promise<void> {
  for (const path of [join(gitDir, 'config'), gitDir]) {
    await using opened = await open(path)
    await opened.sync()
  }
}
