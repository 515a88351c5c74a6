import { randomUUID } from 'node:crypto'
import type { Mirror } from '@sluice/shared/config/mirrors/mirrors-file'
import { placeFor } from '../../creation/create-repository.ts'
import type { RepositoryMaker } from '../../creation/repository-maker.ts'
import type { RunLongJob } from '../../process/job/long-job.ts'
import { headIsNoGuess } from '../../repository/default-branch.ts'
import type { MirrorMarks } from '../../repository/mirror-mark.ts'
import { findRepository } from '../../repository/repository.ts'
import { listCommand, lookCommand } from './fetch-commands.ts'
import { fetchInto } from './fetch-into.ts'
import { followHead } from './follow-head.ts'
import { noteSuccess } from './last-success.ts'
import { differencesOf, ListingReader } from './listing.ts'
import type { Difference, Listing, References } from './listing.ts'
import { MirrorError, notShownIn } from './mirror-error.ts'
import { checkIsOurs } from './ownership.ts'
import type { IntendedChanges, ToldChanges } from './told-changes.ts'
import { addressOf, openRunFiles } from './run-files.ts'
import type { RunFilesServices } from './run-files.ts'
import type { RoomServices } from './watch-room.ts'

/*
 * One run of a mirror:
 *
 *   look at the upstream: ls-remote ──as at the last run──▶ done
 *        ▼ it has something else
 *   no repository here ──▶ NAME.git.<uuid>.lock is initialised, marked, fetched into, and renamed: repository-maker.ts
 *   one that is ours   ──▶ list what is here ──the same──▶ HEAD ──▶ done
 *                               └──▶ fetch --atomic --prune ──▶ list again ──▶ HEAD ──▶ done
 *   any other          ──▶ refused
 */

export type RunServices = RoomServices & {
  readonly root: string
  readonly maker: RepositoryMaker
  readonly marks: MirrorMarks
  readonly files: RunFilesServices
  /** Runs git with this configuration: for looks, and for fetches, each with slots of their own. */
  readonly looking: (config: string) => RunLongJob
  readonly fetching: (config: string) => RunLongJob
  /** Keeps a repository from being moved, and from maintenance. @throws {Refusal} `repository_busy`, `repository_moving` */
  readonly enter: (gitDir: string, onClosing: () => void) => Disposable
  /** To be called before references change. @throws {Refusal} `events_unavailable` */
  readonly tell: (intended: IntendedChanges) => Promise<ToldChanges>
  /** Called with what a run has changed, also where it has failed in the middle. @param id of the run */
  readonly onChanges: (mirror: Mirror, id: string, gitDir: string, changes: readonly Difference[]) => Promise<void>
}

export type RunResult = {
  readonly gitDir: string
  readonly isNew: boolean
  readonly changes: number
  /** Of what the upstream showed, if all of it is here now. */
  readonly digest: string | undefined
}

/** What the steps of a run need. */
type Run = {
  readonly id: string
  readonly mirror: Mirror
  readonly address: string
  readonly looking: RunLongJob
  readonly fetching: RunLongJob
  readonly services: RunServices
  readonly signal: AbortSignal
}

/**
 * @param known the digest of the last run that brought all
 * @param signal ends the run
 * @param onFetch called when the look is over, and there is something to fetch
 * @throws {MirrorError} … {JobError}, {Refusal}, or the signal's reason
 */
export async function runMirror(
  mirror: Mirror,
  known: string | undefined,
  services: RunServices,
  signal: AbortSignal,
  onFetch: () => void,
): Promise<RunResult> {
  const { files, root } = services
  const address = await addressOf(mirror, files.localFolder)
  await using runFiles = await openRunFiles(mirror, files)
  const { config } = runFiles
  const looking = services.looking(config)
  const run = { id: randomUUID(), mirror, address, looking, fetching: services.fetching(config), services, signal }
  const listing = await look(run)
  const found = findRepository(root, mirror.repository)
  if (!found) {
    onFetch()
    return await create(run, listing)
  }
  const { gitDir } = found
  await checkIsOurs(mirror, gitDir, services.marks)
  if (known === listing.digest) {
    await noteSuccess(gitDir)
    return { gitDir, isNew: false, changes: 0, digest: known }
  }
  return await update(run, listing, onFetch)
}

/** @throws {MirrorError} `stalled`, `empty` … */
async function look({ mirror, address, looking, signal }: Run): Promise<Listing> {
  const reader = new ListingReader(mirror.refs)
  const late = new AbortController()
  // curl's own limit holds only for a connection that stands.
  const wait = 2 * mirror.stall
  const timer = setTimeout(() => late.abort(notShownIn(wait)), wait)
  try {
    await looking(lookCommand(mirror, address), {
      signal: AbortSignal.any([signal, late.signal]),
      onOutput: (chunk) => reader.read(chunk),
    })
  } finally {
    clearTimeout(timer)
  }
  const listing = reader.end()
  // It is not empty: its references are others than the chosen ones.
  if (listing.references.size === 0 && listing.leftOut > 0) throw new MirrorError('empty')
  return listing
}

async function create(run: Run, listing: Listing): Promise<RunResult> {
  const { id, mirror, services, fetching, signal } = run
  const { repository, upstream } = mirror
  const target = placeFor(services.root, repository)
  let after: Listing | undefined
  let changes: Difference[] = []
  let told: ToldChanges | undefined
  await using telling = new AsyncDisposableStack()
  const furnish = async (hidden: string) => {
    await services.marks.write(hidden, { name: repository, upstream: upstream.url })
    if (listing.references.size > 0) {
      await fetchInto(run, hidden, true)
      await fetching([`--git-dir=${hidden}`, 'pack-refs', '--all'], { signal })
    }
    after = await listOf(run, hidden)
    if (after.references.size === 0 && listing.references.size > 0) throw new MirrorError('empty')
    await followHead(hidden, listing.head, after.references, run.looking, signal)
    await headIsNoGuess(hidden)
    await noteSuccess(hidden)
    changes = differencesOf(new Map(), after.references)
    await told?.[Symbol.asyncDispose]() // Of an attempt of the maker's that came to nothing.
    told = telling.use(await services.tell({ mirror, id, gitDir: target, changes, isNew: true }))
  }
  const format = listing.format ?? 'sha1'
  services.maker.keep(await services.maker.make(target, { format, furnish }))
  const gitDir = findRepository(services.root, repository)?.gitDir ?? target
  await told?.finish(changes)
  await services.onChanges(mirror, id, gitDir, changes)
  return { gitDir, isNew: true, changes: changes.length, digest: digestIfSame(listing, after?.references) }
}

async function update(run: Run, listing: Listing, onFetch: () => void): Promise<RunResult> {
  const { id, mirror, services, looking } = run
  const closing = new AbortController()
  const found = findRepository(services.root, mirror.repository)
  if (!found) throw new MirrorError('busy', 'The repository was moved away.')
  const { gitDir } = found
  const giveWay = () => closing.abort(new MirrorError('busy', 'The repository is to be moved.'))
  using _use = services.enter(gitDir, giveWay)
  const signal = AbortSignal.any([run.signal, closing.signal])
  const here = { ...run, signal }
  await checkIsOurs(mirror, gitDir, services.marks)
  const before = (await listOf(here, gitDir)).references
  // Whoever empties a repository by mistake should not empty its mirrors.
  if (listing.references.size === 0 && before.size > 0) throw new MirrorError('empty')
  let after: References = before
  let changes: Difference[] = []
  const intended = differencesOf(before, listing.references)
  if (intended.length > 0) {
    onFetch()
    await using told = await services.tell({ mirror, id, gitDir, changes: intended, isNew: false })
    try {
      await fetchInto(here, gitDir)
    } finally {
      // When the supervisor stops, or the repository is to be moved, there is no time to look.
      if (!signal.aborted) {
        after = (await listOf(here, gitDir)).references
        changes = differencesOf(before, after)
        await told.finish(changes)
      }
      if (changes.length > 0) await services.onChanges(mirror, id, gitDir, changes)
    }
  }
  await followHead(gitDir, listing.head, after, looking, signal)
  await noteSuccess(gitDir)
  return { gitDir, isNew: false, changes: changes.length, digest: digestIfSame(listing, after) }
}

/** The upstream may have changed since the look. */
function digestIfSame({ references, digest }: Listing, after: References | undefined): string | undefined {
  return after && differencesOf(after, references).length === 0 ? digest : undefined
}

async function listOf({ mirror, looking, signal }: Run, gitDir: string): Promise<Listing> {
  const reader = new ListingReader(mirror.refs)
  await looking(listCommand(gitDir), { signal, onOutput: (chunk) => reader.read(chunk) })
  return reader.end()
}
