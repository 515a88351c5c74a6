import type { GitRequest } from '@sluice/shared/git/git-route'
import { offersFilters } from '../git/command.ts'
import type { RunJob } from '../process/job/job.ts'
import { ConfigLookup } from './config-lookup.ts'

/**
 * Whether a request is offered partial clones. Where the version of the protocol does not decide that, the repository's own
 * configuration does.
 */
export class FilterOffer {
  readonly #allowsAnyObject = new ConfigLookup<boolean>({
    words: /sha1inwant/i,
    unset: false,
    query: ['--type=bool', '--get-regexp', '--end-of-options', '^uploadpack\\.allow(tip|reachable|any)sha1inwant$'],
    parse: allowsAnyObject,
  })

  /** @throws {Refusal} `repository_unreadable` where git cannot read the configuration */
  async isMade(gitDir: string, request: GitRequest, runJob: RunJob): Promise<boolean> {
    if (offersFilters(request, false) === offersFilters(request, true)) return offersFilters(request, false)
    return offersFilters(request, await this.#allowsAnyObject.of(gitDir, runJob))
  }
}

/** Whether clients may ask for single objects. Over HTTP, git takes any of the three settings for that. */
function allowsAnyObject(output: string): boolean {
  return output.split('\n').reduce(withSetting, 0) !== 0
}

/** `enum allow_uor` in upload-pack.c: each setting adds its bits to those of the settings before it, or removes them. */
function withSetting(bits: number, line: string): number {
  const [, which, value] = /^uploadpack\.allow(tip|reachable|any)sha1inwant (true|false)$/.exec(line) ?? []
  const its = { tip: 1, reachable: 2, any: 7 }[which as 'tip' | 'reachable' | 'any'] ?? 0
  return value === 'true' ? bits | its : bits & ~its
}
