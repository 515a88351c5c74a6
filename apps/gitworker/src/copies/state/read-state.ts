import { join } from 'node:path'
import { AwakeDeadline } from '@sluice/shared/machine/awake-deadline'
import { orAborted } from '@sluice/shared/machine/race'
import { RepositoryConfig } from '../../git/repository-config.ts'
import { JobError } from '../../process/job/job.ts'
import type { RunJob } from '../../process/job/job.ts'
import { isHeadAGuess } from '../../repository/default-branch.ts'
import { beginningOf, findRepository } from '../../repository/repository.ts'
import type { ObjectFormat } from '../../creation/create-repository.ts'
import { knownTexts, NotCopiableError, readTexts } from './repository-texts.ts'
import type { KnownTexts } from './repository-texts.ts'
import { StateDigest } from './state-digest.ts'
import type { RunningGit, StartGit } from '../git-stream.ts'
import { endedWell } from '../git-stream.ts'

/** What a copy must have: all references, HEAD, the object format, the configuration, the description and LFS's locks. */
export type RepositoryState = KnownTexts & {
  readonly digest: string
  /** The digest of the references alone. */
  readonly references: string
  /** `ref: ` and a name, or an id. One character for each byte, as in all names here. */
  readonly head: string
  /** Whether the first push that brings branches may point HEAD to one of them. */
  readonly headIsGuess: boolean
  readonly format: ObjectFormat
  /** The symbolic references, other than HEAD, and the names that they lead to. */
  readonly symbolic: ReadonlyMap<string, string>
}

export type StateReader = {
  readonly startGit: StartGit
  readonly runJob: RunJob
  /** For how long git may list no reference, in milliseconds: ten minutes by default. */
  readonly longestSilence?: number
}

/** git reads all references before it lists the first one. A disk that takes longer for them does not answer. */
const longestSilenceMs = 10 * 60_000

/** More of them are no repository's that is meant to work. */
const mostSymbolic = 1000

/** A name has 4 KiB at most where references are files. */
const maxLineBytes = 16 * 1024

/**
 * Reads the state of the repository that a plain name stands for now; undefined: there is none.
 *
 * @throws as `readState`
 */
export async function readStateOf(
  root: string,
  repository: string,
  reader: StateReader,
  signal: AbortSignal,
): Promise<RepositoryState | undefined> {
  const found = findRepository(root, repository)
  return found && (await readState(found.gitDir, reader, signal))
}

/** Gets a reference's full name, one character for each byte, and the id that it leads to. */
export type OnReference = (ref: string, id: string, isSymbolic: boolean) => void

/**
 * Reads a repository's whole state, hidden references included. Symbolic references that lead nowhere are not part of it:
 * git does not list them.
 *
 * @throws {NotCopiableError} where it cannot be copied, {JobError} where git cannot read it, or lists nothing for too long,
 *   {Refusal} where there is no worker, or the signal's reason
 */
export async function readState(
  gitDir: string,
  reader: StateReader,
  signal: AbortSignal,
  onReference?: OnReference,
): Promise<RepositoryState> {
  const { runJob } = reader
  const format = await formatOf(gitDir, runJob, signal)
  const head = await headOf(gitDir, runJob, signal)
  const headIsGuess = isHeadAGuess(gitDir)
  const texts = knownTexts(readTexts(gitDir))
  const digest = new StateDigest()
  const symbolic = new Map<string, string>()
  await listReferences(reader, gitDir, signal, (line) => {
    const [id = '', target = '', ref = ''] = line.split(' ')
    digest.add(ref, target === '' ? id : `ref: ${target}`)
    onReference?.(ref, id, target !== '')
    if (target === '') return
    if (symbolic.size >= mostSymbolic)
      throw new NotCopiableError(`${gitDir} has more than ${mostSymbolic} symbolic references: so many are not copied.`)
    symbolic.set(ref, target)
  })
  return withReferences({ references: digest.toString(), head, headIsGuess, format, symbolic, ...texts })
}

async function listReferences(
  { startGit, longestSilence = longestSilenceMs }: StateReader,
  gitDir: string,
  signal: AbortSignal,
  take: (line: string) => void,
): Promise<void> {
  const args = ['--git-dir', gitDir, 'for-each-ref', '--format=%(objectname) %(symref) %(refname)']
  const silent = new AbortController()
  const git = await startGit(args, { signal: AbortSignal.any([signal, silent.signal]) })
  using deadline = new AwakeDeadline(longestSilence, () =>
    silent.abort(new JobError(`git for-each-ref has listed nothing in ${gitDir} for ${longestSilence} ms.`)),
  )
  try {
    await orAborted(takeLines(git, deadline, take), silent.signal)
  } finally {
    const ended = Promise.resolve(git[Symbol.asyncDispose]())
    // A git that waits for a disk does not end. It has its slot until then, and nobody waits for it here.
    if (silent.signal.aborted) ended.catch(() => {})
    else await ended
  }
}

async function takeLines(git: RunningGit, deadline: AwakeDeadline, take: (line: string) => void): Promise<void> {
  git.stdin.end()
  for await (const line of linesOf(git.stdout, () => deadline.restart())) take(line)
  await endedWell(git, 'for-each-ref')
}

/** Completes a state by its digest. */
export function withReferences(state: Omit<RepositoryState, 'digest'>): RepositoryState {
  const { references, head, headIsGuess, format, config, description, locksHash } = state
  const digest = StateDigest.parse(references).add('HEAD', head).add('object format', format)
  digest.add('config', config).add('description', description).add('HEAD is a guess', String(headIsGuess))
  if (locksHash !== '') digest.add('LFS locks', locksHash)
  return { ...state, digest: digest.toString() }
}

/**
 * What of a state costs no process. Undefined where it would.
 *
 * @throws {NotCopiableError}
 */
export function cheapPartOf(gitDir: string): (KnownTexts & Pick<RepositoryState, 'head' | 'headIsGuess'>) | undefined {
  const head = plainHeadOf(gitDir)
  return head === undefined ? undefined : { head, headIsGuess: isHeadAGuess(gitDir), ...knownTexts(readTexts(gitDir)) }
}

async function formatOf(gitDir: string, runJob: RunJob, signal: AbortSignal): Promise<ObjectFormat> {
  const config = RepositoryConfig.read(gitDir)
  if (config && !config.mentions(/objectformat/i)) return 'sha1'
  const said = await runJob(['--git-dir', gitDir, 'rev-parse', '--show-object-format'], { signal })
  return said.trim() === 'sha256' ? 'sha256' : 'sha1'
}

/** With reftable, the file says nothing: gitrepository-layout(5). */
function plainHeadOf(gitDir: string): string | undefined {
  const text = beginningOf(join(gitDir, 'HEAD'))
  const isPlain = text !== undefined && !text.includes('/.invalid') && !text.includes('\uFFFD')
  // In UTF-8. One character for each byte is wanted.
  return isPlain ? Buffer.from(withoutEnd(text.replace(/^ref:\s*/, 'ref: '))).toString('latin1') : undefined
}

async function headOf(gitDir: string, runJob: RunJob, signal: AbortSignal): Promise<string> {
  const plain = plainHeadOf(gitDir)
  if (plain !== undefined) return plain
  const options = { signal, okCodes: [0, 1], encoding: 'latin1' } as const
  const target = await runJob(['--git-dir', gitDir, 'symbolic-ref', '--quiet', 'HEAD'], options)
  if (target !== '') return `ref: ${withoutEnd(target)}`
  return (await runJob(['--git-dir', gitDir, 'rev-parse', '--verify', 'HEAD'], { signal })).trimEnd()
}

/** What `trimEnd` takes for a space may be a part of a name: the last byte of "à" is A0. */
function withoutEnd(line: string): string {
  return line.replace(/[ \t\r\n]+$/, '')
}

/**
 * What git writes, one character for each byte.
 *
 * @param onProgress called with each piece that comes
 * @throws {Error} where a line is longer than git writes any
 */
export async function* linesOf(
  stdout: AsyncIterable<Buffer>,
  onProgress: () => void = () => {},
): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of stdout) {
    onProgress()
    const lines = (rest + chunk.toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > maxLineBytes) throw new Error('git wrote a line that names no reference.')
    yield* lines
  }
}
