import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ConfigError, isPassing } from '@sluice/shared/config'
import { errnoOf } from '@sluice/shared/errno'
import type { Logger } from '@sluice/shared/log'
import { identityOf, sessionMembers } from '../process-table.ts'
import { endSession } from './session.ts'
import { sweepRepository } from './sweep.ts'

/*
 * What a supervisor keeps on disk while it runs, and what tells the next one what became of it:
 *
 *   supervisor        who owns the folder
 *   home/             git's HOME and working folder: empty
 *   worker.js, compile-cache/
 *   requests/<pid>    one for each worker that serves: who it is, and the repository that it may write to
 *
 * Who somebody is, is a pid with the time at which that process started: a pid alone may be a stranger's by now.
 */

export type RunFolder = AsyncDisposable & {
  readonly path: string
  readonly home: string
  /** Notes that a worker serves, until disposed of. `gitDir` is where it may leave something. */
  note(worker: number, gitDir: string | undefined): Disposable
}

/** What a request's note says. */
type Note = { readonly worker: string; readonly gitDir?: string }

/**
 * Takes the folder over: ends what an earlier supervisor has left running, and removes what that left in repositories.
 *
 * @throws {ConfigError} where another supervisor is using it, or it cannot be written
 */
export async function openRunFolder(folder: string, killGrace: number, log: Logger): Promise<RunFolder> {
  const path = resolve(folder)
  const home = join(path, 'home')
  const requests = join(path, 'requests')
  const owner = join(path, 'supervisor')
  try {
    await mkdir(home, { recursive: true })
    await mkdir(requests, { recursive: true })
    await checkOwner(owner, path)
    writeFileSync(owner, identityOf(process.pid) ?? '')
  } catch (error) {
    if (error instanceof ConfigError) throw error
    const problem = `SLUICE_RUN_FOLDER names ${path}, which cannot be used (${errnoOf(error) || String(error)}).`
    throw new ConfigError([problem], { mayHeal: isPassing(errnoOf(error)) })
  }
  await clearRequests(requests, home, killGrace, log)
  return {
    path,
    home,
    note(worker, gitDir) {
      const file = join(requests, String(worker))
      const note: Note = { worker: identityOf(worker) ?? '', ...(gitDir !== undefined && { gitDir }) }
      try {
        writeFileSync(file, JSON.stringify(note))
      } catch {
        // A full disk must not stop service: the note only matters if this supervisor and the worker are both killed.
      }
      return { [Symbol.dispose]: () => rmSync(file, { force: true }) }
    },
    [Symbol.asyncDispose]: () => rm(owner, { force: true }),
  }
}

async function checkOwner(file: string, path: string): Promise<void> {
  const identity = await readFile(file, 'utf8').catch(() => undefined)
  const pid = Number(identity?.split(' ')[0])
  if (!identity || pid === process.pid || identityOf(pid) !== identity) return
  const problem = `SLUICE_RUN_FOLDER names ${path}, which the supervisor with pid ${pid} is using. Stop it, or choose another folder.`
  throw new ConfigError([problem], { mayHeal: true })
}

async function clearRequests(requests: string, home: string, killGrace: number, log: Logger): Promise<void> {
  const startedAt = Date.now()
  for (const name of await readdir(requests)) {
    const file = join(requests, name)
    const { worker, gitDir } = readNote(file)
    const leader = Number(name)
    if (worker !== undefined && isOurs(leader, worker, home)) {
      log.warn({ worker: leader, repository: gitDir }, 'ending what an earlier supervisor has left running')
      await endSession(leader, { term: 0, kill: killGrace, drain: true }, () => {})
    }
    const swept = gitDir === undefined ? [] : sweepRepository(gitDir, { before: startedAt })
    if (swept.length > 0 && swept !== 'others are at work') log.warn({ swept }, 'removed what an earlier push had left')
    rmSync(file, { force: true })
  }
}

function readNote(file: string): Partial<Note> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Partial<Note>
  } catch {
    return {} // Cut short, by a full disk or a crash.
  }
}

/** Whether a session is that of the noted worker: by the worker itself, or else by members that have our HOME. */
function isOurs(leader: number, worker: string, home: string): boolean {
  const now = identityOf(leader)
  if (now !== undefined) return now === worker
  return sessionMembers(leader).some((pid) => environmentOf(pid).includes(`HOME=${home}`))
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  } catch {
    return []
  }
}
