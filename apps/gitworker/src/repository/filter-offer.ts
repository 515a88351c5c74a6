import type { GitRequest } from '@sluice/shared/git/git-route'
import { offersFilters } from '../git/command.ts'
import type { RunJob } from '../process/job.ts'
import { ConfigQuestion } from './config-lookup.ts'

/**
 * Whether partial clones are offered for a request: where the version of the protocol alone does not say, as its repository
 * does.
 */
export class FilterOffer {
  readonly #allowsAnyObject = new ConfigQuestion<boolean>(/sha1inwant/i, false, ask)

  /** @throws {Refusal} `repository_unreadable` where git cannot read the configuration */
  async isMade(gitDir: string, request: GitRequest, runJob: RunJob): Promise<boolean> {
    if (offersFilters(request, false) === offersFilters(request, true)) return offersFilters(request, false)
    return offersFilters(request, await this.#allowsAnyObject.answer(gitDir, '', runJob))
  }
}

/** Whether single objects may be asked for. git takes any of the three for that when it is asked over HTTP. */
async function ask(gitDir: string, _about: string, runJob: RunJob): Promise<boolean> {
  const args = ['--git-dir', gitDir, 'config', '--type=bool', '--get-regexp', '--end-of-options', pattern]
  // 1: none is set.
  const lines = (await runJob(args, { okCodes: [0, 1] })).split('\n')
  return lines.reduce(withSetting, 0) !== 0
}

const pattern = '^uploadpack\\.allow(tip|reachable|any)sha1inwant$'

/** `enum allow_uor` in upload-pack.c: each setting adds its bits to those before it, or takes them away. */
function withSetting(bits: number, line: string): number {
  const [, which, value] = /^uploadpack\.allow(tip|reachable|any)sha1inwant (true|false)$/.exec(line) ?? []
  const its = { tip: 1, reachable: 2, any: 7 }[which as 'tip' | 'reachable' | 'any'] ?? 0
  return value === 'true' ? bits | its : bits & ~its
}
