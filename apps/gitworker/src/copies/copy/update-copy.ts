import { JobError } from '../../process/job/job.ts'
import type { StaleLocks } from '../../sweep/stale-locks.ts'
import { readState, withReferences } from '../state/read-state.ts'
import type { RepositoryState } from '../state/read-state.ts'
import { hashOfTexts } from '../state/repository-texts.ts'
import { StateDigest } from '../state/state-digest.ts'
import type { Logger } from '@sluice/shared/telemetry/log'
import { fetchState } from './fetch-state.ts'
import type { Fetching, FetchServices } from './fetch-state.ts'
import type { Way } from './followed-ways.ts'
import { LostReferences } from './lost-references.ts'
import { startReceivePack, takePush } from './take-push.ts'

/*
 * Brings a copy to the state of its primary, by the cheapest way that leads there:
 *
 *   what is known of it is as told ──▶ done
 *   the push that is offered leads from what is known to what was told ──▶ ask for it, and give it to receive-pack
 *   otherwise, or if that fails ──▶ fetch
 *   it is not as told then ──▶ read all of it, and fetch once more
 *
 * Where the primary says so, nothing that is known counts, and all is read first. What catches up says what it loses.
 */

export type UpdateServices = FetchServices & {
  readonly staleLocks: Pick<StaleLocks, 'remove'>
  readonly log: Logger
}

/** The state that a copy has now, and how it has come to it. */
export type Updated = { readonly state: RepositoryState; readonly way: Way }

/**
 * @param known what it had when this host last made it follow. Others may have changed it since, by hand
 * @returns undefined where the primary's is of another object format
 * @throws as `fetchState`
 */
export async function updateCopy(
  services: UpdateServices,
  gitDir: string,
  known: RepositoryState | undefined,
  fetching: Fetching,
): Promise<Updated | undefined> {
  const { told, wanted, signal } = fetching
  const counted = told.isWhole || known?.format !== wanted.format ? undefined : known
  if (counted?.digest === told.digest) return { state: counted, way: 'none' }
  await services.staleLocks.remove(gitDir, [])
  if (counted) {
    const taken = await takeOffer(services, gitDir, counted, fetching)
    if (taken) return { state: taken, way: 'push' }
    const fetched = await tryToFetch(services, gitDir, counted, fetching)
    if (fetched?.digest === told.digest) return { state: fetched, way: fetchedBy(fetching) }
  }
  const lost = told.isCatchingUp ? new LostReferences() : undefined
  const before = await readState(gitDir, services, signal, lost?.note)
  if (before.digest === told.digest) {
    // What has changed it may have been ended before that was on the disk, or the disk has failed.
    await services.sync(gitDir, [], ['HEAD', ...before.symbolic.keys()])
    return { state: before, way: 'none' }
  }
  if (before.format !== wanted.format) return undefined
  lost?.noteHead(before)
  try {
    return { state: await fetchState(services, gitDir, before, fetching), way: fetchedBy(fetching) }
  } finally {
    // What fails later may have moved them all the same.
    await lost?.tell(services, gitDir, told)
  }
}

function fetchedBy({ told }: Fetching): Way {
  return told.offer === null ? 'fetch' : 'fetch_instead'
}

/** @returns a state that is as told; undefined where it could not be taken. Then a fetch puts all right */
async function takeOffer(
  { ask, startGit, sync, log }: UpdateServices,
  gitDir: string,
  known: RepositoryState,
  { told, wanted, signal, onProgress }: Fetching,
): Promise<RepositoryState | undefined> {
  const isPlain = known.symbolic.size === 0 && wanted.symbolic.length === 0
  const isSame = known.head === wanted.head && known.headIsGuess === wanted.headIsGuess
  if (told.offer === null || !isPlain || !isSame || hashOfTexts(known) !== wanted.texts) return undefined
  try {
    const asking = ask.push(told, told.offer, signal)
    asking.catch(() => {})
    await using git = await startReceivePack(startGit, gitDir, { signal, onProgress })
    const push = await asking
    const changes = push.changes.map(({ ref, old, new: now }) => ({ ref, old: old ?? undefined, new: now }))
    const references = StateDigest.parse(known.references).change(changes).toString()
    const next = withReferences({ ...known, references })
    if (next.digest !== told.digest) return undefined
    await takePush(git, push)
    const refs = changes.map(({ ref }) => ref)
    await sync(gitDir, refs)
    return next
  } catch (error) {
    if (signal.aborted) throw error
    log.warn({ err: error, repository: told.repository }, 'a push that was offered could not be taken')
    return undefined
  }
}

/** What is known saves a reading. Where it was wrong, git may say so. */
async function tryToFetch(
  services: UpdateServices,
  gitDir: string,
  known: RepositoryState,
  fetching: Fetching,
): Promise<RepositoryState | undefined> {
  try {
    return await fetchState(services, gitDir, known, fetching)
  } catch (error) {
    if (error instanceof JobError) return undefined
    throw error
  }
}
