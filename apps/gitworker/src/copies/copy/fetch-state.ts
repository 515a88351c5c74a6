import { isUtf8 } from 'node:buffer'
import type { RunJob } from '../../process/job/job.ts'
import { JobError } from '../../process/job/job.ts'
import { patience } from '../../git/push-config.ts'
import { isRefName } from '../../git/ref-name.ts'
import { headIsNoGuess, initialHead, pointHeadTo } from '../../repository/default-branch.ts'
import { endedWell } from '../git-stream.ts'
import type { StartGit } from '../git-stream.ts'
import type { Told, ToldState } from '../link/told.ts'
import { readState } from '../state/read-state.ts'
import type { RepositoryState } from '../state/read-state.ts'
import { hashOfTexts } from '../state/repository-texts.ts'
import type { AskPrimary } from './ask-primary.ts'
import type { OpenObjects } from './objects-of-primary.ts'
import type { WantedFrom } from '../link/wanted-from.ts'
import { writeTexts } from './write-texts.ts'

/*
 * Makes a repository like its primary's:
 *
 *   the configuration, which may hide references, and the description are written
 *   symbolic references that are to change become absent
 *   git fetch: all other references and their objects, in one step, checked by git   ◀── upload-pack at the primary
 *   symbolic references and HEAD are set
 *   the whole state is read: that is what the primary is told
 *
 * Hooks do not run: they have run at the primary. A reader may see the copy between two of these steps.
 */

export type FetchServices = {
  readonly startGit: StartGit
  readonly runJob: RunJob
  readonly openObjects: OpenObjects
  readonly ask: AskPrimary
  /** Resolves when what git has written is on the disk, and what it has changed of these references: see `syncReferences`. */
  readonly sync: (gitDir: string, refs: readonly string[], symbolic?: readonly string[]) => Promise<void>
}

/** What a primary has told, and what becomes of it. */
export type Following = {
  readonly told: Told
  readonly signal: AbortSignal
  /** Called whenever something has moved. */
  readonly onProgress: () => void
}

/** The same for a repository that the primary has. */
export type Fetching = Following & { readonly wanted: ToldState }

/** What is to be fetched, from whom. */
export type StateFetch = Pick<Fetching, 'signal' | 'wanted'> & {
  readonly told: WantedFrom
  /** Called whenever something has moved, with what git says of it. */
  readonly onProgress: (words?: Buffer) => void
}

/**
 * @param before the state that it has
 * @returns the state that it has then, which may be newer than what was told
 * @throws {JobError} where git fails, {Refusal} where there is no worker, {Error} where the primary breaks off, or its
 *   configuration cannot be taken over
 */
export async function fetchState(
  services: FetchServices,
  gitDir: string,
  before: RepositoryState,
  fetching: StateFetch,
): Promise<RepositoryState> {
  const { runJob, ask } = services
  const { told, wanted, signal } = fetching
  const symbolic = new Map(wanted.symbolic)
  const run: RunJob = (args, options) => runJob([...plain, '--git-dir', gitDir, ...args], { signal, ...options })
  if (hashOfTexts(before) !== wanted.texts) {
    const texts = await ask.texts(told, signal)
    await writeTexts(gitDir, before, texts, (args, options) => runJob(args, { signal, ...options }))
  }
  for (const [ref, target] of before.symbolic) {
    if (symbolic.get(ref) !== target) await run(['symbolic-ref', '--delete', checked(ref)])
  }
  await fetchAll(services, gitDir, fetching)
  for (const [ref, target] of symbolic) {
    if (before.symbolic.get(ref) !== target) await run(['symbolic-ref', checked(ref), checked(target)])
  }
  if (before.head !== wanted.head) await setHead(wanted.head, run)
  if (wanted.headIsGuess) await initialHead.mark(gitDir)
  else await headIsNoGuess(gitDir)
  await services.sync(gitDir, [], ['HEAD', ...symbolic.keys()])
  return await readState(gitDir, services, signal)
}

/** No hook of the copy's, and no replaced objects. */
const plain = ['-c', 'core.hooksPath=/dev/null', '--no-replace-objects'] as const

/**
 * In one step. Where a name becomes a folder of names, or the other way around, git cannot do that in one: then what is gone
 * at the primary goes first.
 */
async function fetchAll(services: FetchServices, gitDir: string, fetching: StateFetch): Promise<void> {
  try {
    await runFetch(services, gitDir, fetching, ['--atomic'])
  } catch (error) {
    if (!(error instanceof JobError) || !/cannot lock ref|exists; cannot create/.test(error.message)) throw error
    await runFetch(services, gitDir, fetching, [])
  }
}

/**
 * Fetches references and their objects, by git.
 *
 * @param refspecs what is fetched; everything by default
 * @throws {JobError} where git fails, {Error} where the primary breaks off
 */
export async function runFetch(
  { startGit, openObjects }: Pick<FetchServices, 'startGit' | 'openObjects'>,
  gitDir: string,
  { told, wanted, signal, onProgress }: StateFetch,
  options: readonly string[],
  refspecs: readonly string[] = ['+refs/*:refs/*'],
): Promise<void> {
  const args = fetchArguments(gitDir, wanted, options, refspecs)
  await using git = await startGit(args, { signal, writesTo: gitDir, onWords: onProgress })
  using objects = openObjects(told, signal)
  const relayed = objects.relay(git, onProgress)
  relayed.catch(() => {})
  try {
    await endedWell(git, 'fetch')
  } catch (error) {
    // What the primary says is why git failed.
    const cause = await objects.failure()
    throw cause ?? error
  }
}

/**
 * git's own input and output are the way to the primary: git-remote-fd(1) wants other numbers for them, which a shell gives
 * them. With that helper, git 2.39 waits for ever in version 2 of the protocol, so version 0 is spoken.
 */
function fetchArguments(
  gitDir: string,
  { symbolic }: ToldState,
  options: readonly string[],
  refspecs: readonly string[],
): string[] {
  const settings = Object.entries({
    'protocol.fd.allow': 'always',
    'protocol.version': '0',
    'fetch.fsckObjects': 'false',
    'transfer.fsckObjects': 'false',
    'fetch.writeCommitGraph': 'false',
    'fetch.recurseSubmodules': 'false',
    'fetch.unpackLimit': '100',
    'maintenance.auto': 'false',
    ...Object.fromEntries(patience),
  })
  const command = ['git', 'fetch', ...options, ...fetchOptions, 'fd::3,4', ...refspecs]
  const left = symbolic.map(([ref]) => `^${checked(ref)}`)
  return [
    ...plain,
    ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    '-c',
    `alias.copy=!exec ${[...command, ...left].map(quoted).join(' ')} 3<&0 4>&1`,
    '--git-dir',
    gitDir,
    'copy',
  ]
}

const fetchOptions = [
  '--prune',
  '--force',
  '--no-tags',
  '--no-auto-maintenance',
  '--no-write-fetch-head',
  '--no-recurse-submodules',
  '--update-head-ok',
  '--update-shallow',
  '--progress',
  '--refmap=',
] as const

/** HEAD may lead to a branch that does not exist, or be an id. */
async function setHead(head: string, run: RunJob): Promise<void> {
  const [, target] = /^ref: (.+)$/.exec(head) ?? []
  if (target !== undefined && isRefName(target)) await run(pointHeadTo(target))
  else if (/^[0-9a-f]+$/.test(head)) await run(['update-ref', '--no-deref', 'HEAD', head])
  else throw new Error(`HEAD cannot be ${JSON.stringify(head)}.`)
}

/** As an argument of git. @throws {Error} for a name that cannot be one */
function checked(ref: string): string {
  const bytes = Buffer.from(ref, 'latin1')
  if (isUtf8(bytes) && isRefName(ref)) return bytes.toString()
  throw new Error(`${JSON.stringify(ref)} cannot be copied: it is no name in UTF-8.`)
}

/** As a POSIX shell reads it. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
