import type { Logger } from '@sluice/shared/telemetry/log'
import { endedWell } from '../git-stream.ts'
import type { Told } from '../link/told.ts'
import { linesOf, readState } from '../state/read-state.ts'
import type { RepositoryState, StateReader } from '../state/read-state.ts'

/*
 * Says in the log which references a copy loses when it catches up. Pushes that only this host has are given up then, as
 * after `sluice cluster force`: nobody else may know what they were. Their objects stay for maintenance's grace.
 *
 *   before: each reference is noted, while the state is read
 *   after, whether all was brought or not: what has moved, or is gone? git is asked whether another reference has the commit
 */

/** A full name, what it was here, and what it is now: an id, or where HEAD leads. Null: it is gone. */
type Change = { readonly ref: string; readonly old: string; readonly new: string | null }

type Looking = StateReader & { readonly log: Logger }

/** References that are noted, of some 200 bytes each. A repository with more of them is compared up to there. */
const mostNoted = 200_000

/** References in a line of the log. */
const mostNamed = 100

/** Of a name, in the log. */
const longestName = 250

/** It holds up what this host does next in the repository. Whoever is slower is not looked at so closely. */
const deadlineMs = 30_000

export class LostReferences {
  readonly #noted = new Map<string, string>()
  #isWhole = true

  /** Takes a reference as it is before. What is symbolic holds no commit of its own. */
  readonly note = (ref: string, id: string, isSymbolic: boolean): void => {
    if (isSymbolic) return
    if (this.#noted.size < mostNoted) this.#noted.set(ref, id)
    else this.#isWhole = false
  }

  noteHead({ head }: Pick<RepositoryState, 'head'>): void {
    if (!head.startsWith('ref: ')) this.note('HEAD', head, false)
  }

  /** Looks at what there is now, and logs what has been lost. To be called once. Never rejects. */
  async tell(looking: Looking, gitDir: string, { repository, primary, term }: Told): Promise<void> {
    const { log } = looking
    const about = { repository, primary, term }
    if (this.#noted.size === 0) return
    try {
      const signal = AbortSignal.timeout(deadlineMs)
      const changed = await this.#changed(looking, gitDir, signal)
      if (changed.length === 0) return
      const gone = await goneFrom(looking, gitDir, changed, signal).catch((err: unknown) => {
        log.warn({ ...about, err }, 'git cannot say which commits this host loses, so all changed references are named')
        return undefined
      })
      logLost(log, { ...about, ...(this.#isWhole ? {} : { comparedOnly: mostNoted }) }, changed, gone)
    } catch (err) {
      log.warn({ ...about, err }, 'nobody knows which references this host has lost by catching up')
    }
  }

  async #changed(looking: Looking, gitDir: string, signal: AbortSignal): Promise<Change[]> {
    const changed: Change[] = []
    const compare = (ref: string, id: string) => {
      const old = this.#noted.get(ref)
      if (old !== undefined && old !== id) changed.push({ ref, old, new: id })
      this.#noted.delete(ref)
    }
    const { head } = await readState(gitDir, looking, signal, compare)
    compare('HEAD', head)
    for (const [ref, old] of this.#noted) changed.push({ ref, old, new: null })
    return changed
  }
}

/** What no reference leads to any more: the ids of references, and how many commits those are in all. */
type Gone = { readonly ids: ReadonlySet<string>; readonly commits: number }

/** @throws {JobError}, {Refusal}, or the signal's reason */
async function goneFrom(
  { startGit }: Looking,
  gitDir: string,
  changed: readonly Change[],
  signal: AbortSignal,
): Promise<Gone> {
  const asked = new Set(changed.map(({ old }) => old))
  const ids = new Set<string>()
  let commits = 0
  // An annotated tag is followed to its commit.
  const args = ['--no-replace-objects', '--git-dir', gitDir, 'rev-list', '--stdin', '--not', '--all']
  await using git = await startGit(args, { signal })
  git.stdin.end([...asked, ''].join('\n'))
  for await (const id of linesOf(git.stdout)) {
    commits++
    if (asked.has(id)) ids.add(id)
  }
  await endedWell(git, 'rev-list')
  return { ids, commits }
}

function logLost(log: Logger, about: object, changed: readonly Change[], gone: Gone | undefined): void {
  const isGone = ({ old }: Change) => gone?.ids.has(old) !== false
  // A tag means what it was put on, and may be an object of its own.
  const isLoss = (change: Change) => isGone(change) || change.ref.startsWith('refs/tags/')
  const losses = changed.filter(isLoss)
  const others = changed.filter((change) => !isLoss(change) && change.new === null)
  const all = [...losses, ...others]
  if (all.length === 0) return
  const lost = all.slice(0, mostNamed).map(({ ref, ...ids }) => ({ ref: shown(ref), ...ids }))
  const line = { ...about, lost, more: all.length - lost.length, commits: gone?.commits }
  if (losses.length > 0) log.warn(line, 'catching up: this host has lost references that its primary does not have')
  else log.info(line, 'catching up: branches are gone whose commits other references have')
}

/** The same for a whole repository. @param isDeleted whether the primary has it in its trash, too */
export function logTrashed(log: Logger, { repository, primary, term }: Told, trash: string, isDeleted: boolean): void {
  const about = { repository, primary, term, trash }
  if (isDeleted) log.info(about, 'catching up: moved to the trash what was deleted while this host was away')
  else log.warn(about, 'catching up: moved to the trash what the primary does not have, and may never have had')
}

/** One character for each byte became text. */
function shown(ref: string): string {
  return Buffer.from(ref, 'latin1').toString().slice(0, longestName)
}
