import { rmSync, writeFileSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ConfigError, isPassing } from '@sluice/shared/config/config-error'
import { errnoOf } from '@sluice/shared/machine/errno'
import type { Logger } from '@sluice/shared/telemetry/log'
import { makeFolders } from '@sluice/shared/machine/make-folders'
import { identityOf, isLive } from '../process/process-table.ts'
import { processesOf } from '../process/request-processes.ts'
import type { RequestMark } from '../process/request-processes.ts'
import { clearPushFolders, openPushFolder, placeHookScript } from '../hooks/push-folder.ts'
import type { PushFolder } from '../hooks/push-folder.ts'
import { isOwned, ownFolder } from './directory-owner.ts'
import { endSession } from '../process/session.ts'
import { sweepAfterPowerLoss } from '../sweep/power-loss.ts'
import { readNote, writeNote } from '../process/request-note.ts'
import type { RequestNote } from '../process/request-note.ts'
import { Sweeper } from '../sweep/sweep.ts'

/*
 * What a supervisor keeps on disk while it runs, and what tells the next one what became of it:
 *
 *   supervisor        who owns the folder, for people; owner.sock proves it: see folder-owner.ts
 *   empty/            the working folder of workers, and of git until it is in a repository
 *   gitconfig/        what git reads beside a repository's own configuration: see git/config-file.ts
 *   pushes/<name>/    what a push has of its own: see push-folder.ts
 *   worker.js, hook.sh, compile-cache/
 *   requests/<pid>.<word>
 *                     one for each worker that serves: who it is, the repository that it may write to, and its git's words.
 *                     It outlives the worker, whose pid may be another one's by then
 *   owed/<uuid>       notes of dead pushes whose remains somebody still uses
 *
 * Who somebody is, is a pid with the time at which that process started: a pid alone may be a stranger's by now.
 */

export type RuntimeDirectory = AsyncDisposable & {
  readonly path: string
  /** An empty folder. */
  readonly empty: string
  /** For git/config-file.ts. */
  readonly gitConfig: string
  /** What hooks run through: see push-folder.ts. */
  readonly hookScript: string
  readonly sweeper: Sweeper
  /** Notes that a worker serves, until disposed of. `gitDir` is where it may leave something. */
  note(worker: RequestMark, gitDir: string | undefined): RequestNote
  /** A folder for one push. @throws {Refusal} `no_resources` */
  openPush(): Promise<PushFolder>
}

/**
 * Takes the folder over: ends what an earlier supervisor has left running, and removes what that left in repositories.
 *
 * @throws {ConfigError} where another supervisor is using it, or it cannot be written
 */
export async function openRuntimeDirectory(folder: string, killGrace: number, log: Logger): Promise<RuntimeDirectory> {
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
  await clearRequests(requests, killGrace, sweeper, log)
  const removed = await sweeper.tryAgain()
  if (removed.length > 0) log.warn({ swept: removed }, 'removed what an earlier supervisor had left')
  const onLeftFolder = (error: unknown) => log.warn({ err: error }, 'what a push had of its own cannot be removed')
  // Whoever worked there is gone now.
  await clearPushFolders(pushes, onLeftFolder).catch(onLeftFolder)
  const parts = opened.move()
  return {
    path,
    empty,
    gitConfig: join(path, 'gitconfig'),
    hookScript,
    sweeper,
    openPush: () => openPushFolder(pushes, onLeftFolder),
    note: (worker, gitDir) => writeNote(join(requests, `${worker.leader}.${worker.word}`), worker, gitDir),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** @throws {ConfigError} where it cannot be made, or another supervisor is using it */
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
  throw inUse(path, ` with pid ${pid}`)
}

function inUse(path: string, which = ' of another container'): ConfigError {
  const problem = `SLUICE_RUN_FOLDER names ${path}, which the supervisor${which} is using. Stop it, or choose another folder.`
  return new ConfigError([problem], { mayHeal: true })
}

async function clearRequests(requests: string, killGrace: number, sweeper: Sweeper, log: Logger): Promise<void> {
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
      if (gitDir !== undefined) swept.push(...(await sweepAfterPowerLoss(gitDir)))
      if (swept.length > 0) log.warn({ swept }, 'removed what an earlier push had left')
    } catch (err) {
      // One repository that cannot be read must not stop the start.
      log.warn({ err, repository: gitDir }, 'what an earlier push may have left was not looked for')
    }
    rmSync(file, { force: true })
  }
}

/** Undefined where nothing of it can live, since the machine has been started anew. */
function markOf(leader: number, worker: string, word: string): RequestMark | undefined {
  const [, startedAt, boot] = worker.split(' ')
  if (startedAt === undefined || boot !== identityOf(process.pid)?.split(' ')[2]) return undefined
  const isOldNews = identityOf(leader) !== worker
  return { leader, word, since: Number(startedAt), isOldNews }
}
