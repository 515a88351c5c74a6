import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import type { GitRequest } from '@sluice/shared/git-request'
import { Refusal } from '@sluice/shared/refusal'
import { offersFilters } from '../git/command.ts'
import { JobError } from '../git/job.ts'
import type { RunJob } from '../git/job.ts'

const maxRemembered = 10_000

/**
 * Whether partial clones are offered for a request: where the version of the protocol alone does not say, as its repository
 * does. Only git can read its configuration rightly, but a file without certain words cannot say certain things, and a text
 * that git has read once need not be read again.
 */
export class FilterOffer {
  readonly #answers = new LRUCache<string, boolean>({ max: maxRemembered })

  /** @throws {Refusal} `repository_unreadable` where git cannot read the configuration */
  async isMade(gitDir: string, request: GitRequest, runJob: RunJob): Promise<boolean> {
    if (offersFilters(request, false) === offersFilters(request, true)) return offersFilters(request, false)
    const text = await readFile(join(gitDir, 'config'), 'utf8').catch(() => undefined)
    if (text !== undefined && !mentions.test(text)) return offersFilters(request, false)
    // What a configuration includes can change while its own text does not.
    if (text === undefined || includes.test(text)) return offersFilters(request, await ask(gitDir, runJob))
    const key = createHash('sha256').update(text).digest('base64')
    const allowsAnyObject = this.#answers.get(key) ?? (await ask(gitDir, runJob))
    this.#answers.set(key, allowsAnyObject)
    return offersFilters(request, allowsAnyObject)
  }
}

/** Whether single objects may be asked for. git takes any of the three for that when it is asked over HTTP. */
async function ask(gitDir: string, runJob: RunJob): Promise<boolean> {
  const args = ['--git-dir', gitDir, 'config', '--type=bool', '--get-regexp', '--end-of-options', pattern]
  try {
    // 1: none is set.
    const lines = (await runJob(args, { okCodes: [0, 1] })).split('\n')
    return lines.reduce(withSetting, 0) !== 0
  } catch (cause) {
    throw cause instanceof JobError ? new Refusal('repository_unreadable', { cause }) : cause
  }
}

const pattern = '^uploadpack\\.allow(tip|reachable|any)sha1inwant$'

/** `enum allow_uor` in upload-pack.c: each setting adds its bits to those before it, or takes them away. */
function withSetting(bits: number, line: string): number {
  const [, which, value] = /^uploadpack\.allow(tip|reachable|any)sha1inwant (true|false)$/.exec(line) ?? []
  const its = { tip: 1, reachable: 2, any: 7 }[which as 'tip' | 'reachable' | 'any'] ?? 0
  return value === 'true' ? bits | its : bits & ~its
}

const mentions = /sha1inwant|include|worktreeconfig/i
const includes = /include|worktreeconfig/i
