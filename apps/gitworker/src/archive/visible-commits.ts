import { Refusal } from '@sluice/shared/refusal/refusal'
import type { CacheKey } from '../cache/references/cache-key.ts'
import type { ReferenceCache } from '../cache/references/reference-cache.ts'
import { hasInvalidPart } from '../git/ref-name.ts'
import { forRequest } from '../process/job/job.ts'
import type { JobOwner, RunJob } from '../process/job/job.ts'

export type VisibleCommitServices = {
  readonly runJob: RunJob
  /** Undefined where references are not cached. */
  readonly answers: Pick<ReferenceCache, 'lookUp' | 'prepareEntry'> | undefined
  /** What git's answers depend on beside the repository: its version, and how it is started. */
  readonly build: string
  /** Whether git can leave hidden references out of `--all` (since 2.39). */
  readonly knowsHidden: boolean
}

/**
 * Finds a commit by the name that somebody gives it, among those that a fetch would give to everybody who may read:
 *
 *   a reference     as git's own upload-pack shows it, so none that is hidden (`transfer.hideRefs`)
 *   the id of one   that a reference leads to which upload-pack shows; of no other object that lies in the repository
 */
export class VisibleCommits {
  readonly #services: VisibleCommitServices

  constructor(services: VisibleCommitServices) {
    this.#services = services
  }

  /**
   * @returns the whole id, if it is known without git; undefined if it is not
   * @throws {Refusal} `bad_archive_name`; `archive_missing` if it is known that there is none
   */
  lookUp(gitDir: string, ref: string): string | undefined {
    checkName(ref)
    const known = this.#services.answers?.lookUp(this.#keyOf(gitDir, ref))
    return known && orMissing(known.toString())
  }

  /**
   * Asks git.
   *
   * @returns the whole id
   * @throws {Refusal} `bad_archive_name`, `archive_missing`
   */
  async find(gitDir: string, ref: string, owner: JobOwner): Promise<string> {
    checkName(ref)
    const { answers, runJob } = this.#services
    const entry = answers?.prepareEntry(this.#keyOf(gitDir, ref))
    const id = await this.#ask(gitDir, ref, forRequest(owner, runJob))
    entry?.store(Buffer.from(id))
    return orMissing(id)
  }

  /** @returns an empty text where there is no such commit */
  async #ask(gitDir: string, ref: string, runJob: RunJob): Promise<string> {
    // As in git, a whole id is one even if a reference has that name, and a part of one only if none has.
    if (wholeId.test(ref)) return await this.#reachable(gitDir, ref, runJob)
    const shown = await shownObject(gitDir, ref, runJob)
    if (shown !== undefined) return await commitAt(gitDir, shown, runJob)
    return partOfId.test(ref) ? await this.#reachable(gitDir, ref, runJob) : ''
  }

  async #reachable(gitDir: string, id: string, runJob: RunJob): Promise<string> {
    if (!this.#services.knowsHidden) return ''
    const commit = await commitAt(gitDir, id, runJob)
    if (commit === '') return ''
    const args = ['rev-list', '--max-count=1', commit, '--not', '--exclude-hidden=uploadpack', '--all']
    const beyond = await runJob([`--git-dir=${gitDir}`, '--no-replace-objects', ...args])
    return beyond === '' ? commit : ''
  }

  #keyOf(gitDir: string, ref: string): CacheKey {
    const variant = JSON.stringify([this.#services.build, 'archive', ref])
    return { gitDir, kind: 'refs', variant, uncacheableBecause: [] }
  }
}

const wholeId = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
const partOfId = /^[0-9a-f]{7,63}$/

/** No name that passes can be an option, a pattern, a range or an expression of git's: see gitrevisions(7). */
function checkName(ref: string): void {
  if (ref.startsWith('-') || ref === '@' || hasInvalidPart(ref)) throw new Refusal('bad_archive_name')
}

function orMissing(id: string): string {
  if (id === '') throw new Refusal('archive_missing')
  return id
}

/** gitrevisions(7), `<refname>`. */
function namesFor(ref: string): string[] {
  if (ref === 'HEAD' || ref.startsWith('refs/')) return [ref]
  return [`refs/${ref}`, `refs/tags/${ref}`, `refs/heads/${ref}`]
}

/** What a reference leads to that upload-pack shows to clients, tags followed. Undefined where it shows none of this name. */
async function shownObject(gitDir: string, ref: string, runJob: RunJob): Promise<string | undefined> {
  const names = namesFor(ref)
  // Patterns fit the end of a name, and a followed tag counts as a name of its own.
  const patterns = names.flatMap((name) => [name, `${name}^{}`])
  const listed = await runJob(['ls-remote', '--quiet', '--end-of-options', gitDir, ...patterns])
  const shown = new Map(listed.matchAll(/^([0-9a-f]+)\t(.+)$/gm).map(([, id = '', name = '']) => [name, id]))
  const name = names.find((one) => shown.has(one))
  return name === undefined ? undefined : (shown.get(`${name}^{}`) ?? shown.get(name))
}

/** @returns an empty text where this is not the id of a commit, or of a tag of one */
async function commitAt(gitDir: string, id: string, runJob: RunJob): Promise<string> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${id}^{commit}`]
  const output = await runJob([`--git-dir=${gitDir}`, '--no-replace-objects', ...args], { okCodes: [0, 1, 128] })
  return /^[0-9a-f]{40,64}$/m.exec(output)?.[0] ?? ''
}
