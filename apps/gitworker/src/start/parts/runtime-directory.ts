import { rmSync, writeFileSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ConfigError, isPassing } from '@sluice/shared/config/config-error'
import { errnoOf } from '@sluice/shared/machine/errno'
import type { Logger } from '@sluice/shared/telemetry/log'
import { makeFolders } from '@sluice/shared/machine/make-folders'
import { identityOf, isLive, readProcess } from '../../process/process-table.ts'
import { processesOf } from '../../process/request-processes.ts'
import type { RequestMark } from '../../process/request-processes.ts'
import { clearPushFolders, openPushFolder, placeHookScript } from '../../hooks/push-folder.ts'
import type { PushFolder } from '../../hooks/push-folder.ts'
import { isOwned, ownFolder } from './directory-owner.ts'
import { endSession } from '../../process/session.ts'
import { sweepAfterPowerLoss } from '../../sweep/power-loss.ts'
import { readNote, writeNote } from '../../process/request-note.ts'
import type { RequestNote } from '../../process/request-note.ts'
import { Sweeper } from '../../sweep/sweep.ts'

/*
 * What a supervisor keeps on disk while it runs. From it, the next one learns what an earlier supervisor has left:
 *
 *   supervisor        the identity of the owner, for people. Only owner.sock proves it: see directory-owner.ts
 *   empty/            the working folder of workers, and of git until it is in a repository
 *   gitconfig/        what git reads beside a repository's own configuration: see git/config-file.ts
 *   pushes/<name>/    the files of a push that runs: see push-folder.ts
 *   worker.js, hook.sh, compile-cache/
 *   requests/<pid>.<word>
 *                     a note for each worker that serves a request: the identity of the worker, the repository that
 *                     it may write to, and the trace of its git. It is removed after the worker's end, when the pid
 *                     may already be that of another process
 *   control-groups    which control groups it has made: see process/control-group/left-groups.ts
 *   owed/<uuid>       notes of dead pushes whose files are still used by another process
 *
 * The identity of a process is its pid with its start time: a pid alone may belong to another process by now.
 */

export type RuntimeDirectory = AsyncDisposable & {
  readonly path: string
  /** An empty folder. */
  readonly empty: string
  /** For git/config-file.ts. */
  readonly gitConfig: string
  /** The script that runs all hooks: see push-folder.ts. */
  readonly hookScript: string
  readonly sweeper: Sweeper
  /** Writes a note of a worker, removed on disposal. `gitDir` is the repository in which it may leave files. */
  note(worker: RequestMark, gitDir: string | undefined): RequestNote
  /** The same for a command of the supervisor's own that repacks. */
  noteRepack(worker: RequestMark, gitDir: string): RequestNote
  /** The same for one that fetches. */
  noteFetch(worker: RequestMark, gitDir: string): RequestNote
  /** Makes a folder for one push. @throws {Refusal} `no_resources` */
  openPush(): Promise<PushFolder>
}

export type RuntimeDirectoryOptions = {
  /** Milliseconds from SIGTERM to SIGKILL. */
  readonly killGrace: number
  /** Whether other machines write to the repositories, too. Then only what a note of this host names is removed. */
  readonly isShared: boolean
}

/**
 * Takes the folder over. Ends the processes that an earlier supervisor has left, and removes the files that their
 * pushes left in repositories.
 *
 * @throws {ConfigError} where another supervisor uses the folder, or it cannot be written
 */
export async function openRuntimeDirectory(
  folder: string,
  { killGrace, isShared }: RuntimeDirectoryOptions,
  log: Logger,
): Promise<RuntimeDirectory> {
  const path = resolve(folder)
  const empty = join(path, 'empty')
  const pushes = join(path, 'pushes')
  const requests = join(path, 'requests')
  const owner = join(path, 'supervisor')
  await using opened = new AsyncDisposableStack()
  let sweeper: Sweeper
  let hookScript: string
  try {
    await makeFolders(empty)
    await makeFolders(pushes)
    await makeFolders(requests)
    await checkOwner(owner, path)
    const owning = await ownFolder(path)
    if (!owning) throw inUse(path)
    opened.use(owning)
    writeFileSync(owner, identityOf(process.pid) ?? '')
    opened.defer(() => rm(owner, { force: true }))
    hookScript = await placeHookScript(path)
    sweeper = opened.use(await Sweeper.open(join(path, 'owed')))
  } catch (error) {
    throw unusable(path, error)
  }
  await clearRequests(requests, { killGrace, isShared }, sweeper, log)
  const removed = await sweeper.tryAgain()
  if (removed.length > 0) log.warn({ swept: removed }, 'removed what an earlier supervisor had left')
  const onLeftFolder = (error: unknown) => log.warn({ err: error }, 'what a push had of its own cannot be removed')
  // The processes that used these folders have been ended above.
  await clearPushFolders(pushes, onLeftFolder).catch(onLeftFolder)
  // Of files that are younger than a repack or a fetch, another machine may be the owner.
  const since = <T>(what: T) => (isShared ? undefined : what)
  const noteFile = ({ leader, word }: RequestMark) => join(requests, `${leader}.${word}`)
  const parts = opened.move()
  return {
    path,
    empty,
    gitConfig: join(path, 'gitconfig'),
    hookScript,
    sweeper,
    openPush: () => openPushFolder(pushes, onLeftFolder),
    note: (worker, gitDir) => writeNote(noteFile(worker), worker, gitDir),
    noteRepack: (worker, gitDir) => writeNote(noteFile(worker), worker, gitDir, since('repacksSince')),
    noteFetch: (worker, gitDir) => writeNote(noteFile(worker), worker, gitDir, since('fetchesSince')),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** @throws {ConfigError} where the folder cannot be made, or another supervisor uses it */
export async function checkRuntimeDirectory(folder: string): Promise<void> {
  const path = resolve(folder)
  try {
    await makeFolders(path)
    await checkOwner(join(path, 'supervisor'), path)
    if (await isOwned(path)) throw inUse(path)
  } catch (error) {
    throw unusable(path, error)
  }
}

function unusable(path: string, error: unknown): ConfigError {
  if (error instanceof ConfigError) return error
  const problem = `SLUICE_RUN_FOLDER names ${path}, which cannot be used (${errnoOf(error) || String(error)}).`
  return new ConfigError([problem], { mayHeal: isPassing(errnoOf(error)) })
}

async function checkOwner(file: string, path: string): Promise<void> {
  const identity = await readFile(file, 'utf8').catch(() => undefined)
  const pid = Number(identity?.split(' ')[0])
  if (!identity || pid === process.pid || identityOf(pid) !== identity) return
  // A killed one may be a zombie for a while, where PID 1 is slow to reap.
  const found = readProcess(pid)
  if (!found || !isLive(found)) return
  throw inUse(path, ` with pid ${pid}`)
}

function inUse(path: string, which = ' of another container'): ConfigError {
  const problem = `SLUICE_RUN_FOLDER names ${path}, which the supervisor${which} is using. Stop it, or choose another folder.`
  return new ConfigError([problem], { mayHeal: true })
}

async function clearRequests(
  requests: string,
  { killGrace, isShared }: RuntimeDirectoryOptions,
  sweeper: Sweeper,
  log: Logger,
): Promise<void> {
  for (const name of await readdir(requests)) {
    const file = join(requests, name)
    const { worker = '', word = '', gitDir } = readNote(file)
    const leader = Number.parseInt(name, 10)
    const mark = markOf(leader, worker, word)
    if (mark && processesOf(mark).some(isLive)) {
      log.warn({ worker: leader, repository: gitDir }, 'ending what an earlier supervisor has left running')
      await endSession(mark, { term: 0, kill: killGrace, drain: true }, () => {})
    }
    try {
      const swept = await sweeper.sweep(file)
      if (gitDir !== undefined && !isShared) swept.push(...(await sweepAfterPowerLoss(gitDir)))
      if (swept.length > 0) log.warn({ swept }, 'removed what an earlier push had left')
    } catch (err) {
      // A single repository that cannot be read must not prevent the start.
      log.warn({ err, repository: gitDir }, 'what an earlier push may have left was not looked for')
    }
    rmSync(file, { force: true })
  }
}

/** Undefined where none of its processes can live, because the machine was booted since. */
function markOf(leader: number, worker: string, word: string): RequestMark | undefined {
  const [, startedAt, boot] = worker.split(' ')
  if (startedAt === undefined || boot !== identityOf(process.pid)?.split(' ')[2]) return undefined
  const isOldNews = identityOf(leader) !== worker
  return { leader, word, since: Number(startedAt), isOldNews }
}
