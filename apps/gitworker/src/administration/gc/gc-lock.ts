import { closeSync, lstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { isInUse } from '../../process/path-in-use.ts'
import { identityOf, isLive, readProcess } from '../../process/process-table.ts'
import { beginningOf } from '../../repository/repository.ts'

/*
 * While maintenance is at work in a repository, an operator's `git gc` must not be, and the other way round: each would
 * remove packs that the other counts on. git has a file for it (lock_repo_for_gc in builtin/gc.c): `gc.pid` says which
 * process of which host is at work. It counts while that process lives, or, of another host, for twelve hours. It is written
 * under `gc.pid.lock`.
 *
 *   4711 host 4711 123456 boot
 *
 * git reads two words. The rest is ours: it identifies the process, so that a lock of a killed supervisor does not count
 * because another process has its pid now, as the next supervisor in a container has.
 *
 * Synchronous, so that nothing else of this process comes in between.
 */

const maxAgeMs = 12 * 60 * 60_000

/** `git maintenance run` has a lock of its own, without a word of its owner. It counts for a day. */
const maxMaintenanceMs = 24 * 60 * 60_000

/** Those that this process holds: its pid says nothing of a lock that an earlier process with the same pid has left. */
const held = new Set<string>()

/** A lock that says nothing of its owner, as a failure of the power may leave it, counts as long. git has it for a moment. */
const maxWordlessMs = maxMaintenanceMs

const maxTextBytes = 512

/**
 * Takes the lock, as git does. Undefined where somebody else is at work.
 *
 * @param gitDir the common directory
 * @throws {Refusal} `operation_failed` where `gc.pid` is a folder; an error of the file system
 */
export function lockForGc(gitDir: string): Disposable | undefined {
  const file = join(gitDir, 'gc.pid')
  if (ageOf(join(gitDir, 'objects/maintenance.lock')) < maxMaintenanceMs) return undefined
  using lock = lockFile(file)
  if (!lock || isHeld(file)) return undefined
  checkNoFolder(file)
  lock.putInPlace()
  held.add(file)
  return { [Symbol.dispose]: () => unlock(file) }
}

/** Whether a gc, or maintenance, is at work in a repository. @param gitDir the common directory */
export function isGcAtWork(gitDir: string): boolean {
  return isHeld(join(gitDir, 'gc.pid'))
}

/**
 * Removes the locks of dead processes, which git may take for living ones.
 *
 * @param gitDir the common directory
 * @throws {Refusal} `operation_failed` where `gc.pid` is a folder; an error of the file system
 */
export function removeStaleGcLock(gitDir: string): void {
  const file = join(gitDir, 'gc.pid')
  if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return removeLockOfDead(`${file}.lock`)
  checkNoFolder(file)
  using lock = lockFile(file)
  if (lock && !isHeld(file)) rmSync(file, { force: true })
}

function checkNoFolder(file: string): void {
  if (lstatSync(file, { throwIfNoEntry: false })?.isDirectory() !== true) return
  const sentence = `${file} is a folder, where git and Sluice note who collects garbage. Remove it, and try again.`
  throw new Refusal('operation_failed', { sentence })
}

/** `gc.pid.lock`, until it is disposed of or put in place. Undefined where somebody else has it. */
function lockFile(file: string): (Disposable & { putInPlace(): void }) | undefined {
  const path = `${file}.lock`
  removeLockOfDead(path)
  let opened: number
  try {
    opened = openSync(path, 'wx')
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return undefined
    throw error
  }
  let isOurs = true
  try {
    // At once, so that a lock that is left over says whose it was.
    writeSync(opened, ownLine())
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  } finally {
    closeSync(opened)
  }
  return {
    putInPlace: () => {
      renameSync(path, file)
      isOurs = false
    },
    [Symbol.dispose]: () => {
      if (isOurs) rmSync(path, { force: true })
    },
  }
}

/** git has it for a moment, and this process never while it does something else. */
function removeLockOfDead(path: string): void {
  const text = textOf(path)
  const owner = text === undefined ? undefined : ownerIn(text)
  const isOfDead = owner ? owner.isHere && !isAlive(owner) : text === '' && isAbandoned(path)
  if (isOfDead) rmSync(path, { force: true })
}

function isAbandoned(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found?.isFile() || found.uid !== process.getuid?.()) return false
  return Date.now() - found.mtimeMs >= maxWordlessMs && !isInUse(path)
}

/** Removes the file if it is still ours: after twelve hours, another may have taken it. */
function unlock(file: string): void {
  held.delete(file)
  if (textOf(file) === ownLine()) rmSync(file, { force: true })
}

function ownLine(): string {
  return `${process.pid} ${hostname()} ${identityOf(process.pid) ?? ''}`
}

function isHeld(file: string): boolean {
  if (held.has(file)) return true
  if (ageOf(file) >= maxAgeMs) return false
  const text = textOf(file)
  // Another user's, such as root's.
  if (text === undefined) return true
  const owner = ownerIn(text)
  // git takes a file that it does not understand for nobody's.
  if (!owner) return false
  return !owner.isHere || isAlive(owner)
}

type Owner = { readonly pid: number; readonly isHere: boolean; readonly identity: string | undefined }

function ownerIn(text: string): Owner | undefined {
  const [, pid, host, identity] = /^(\d{1,10}) (\S{1,255})(?: (\d+ \d+ \S+))?/.exec(text) ?? []
  return pid === undefined ? undefined : { pid: Number(pid), isHere: host === hostname(), identity }
}

function isAlive({ pid, identity }: Owner): boolean {
  // What this process holds is in `held`.
  if (pid === process.pid) return false
  const found = readProcess(pid)
  return found !== undefined && isLive(found) && (identity === undefined || identity === identityOf(pid))
}

/** Milliseconds since the last change. Infinite if there is no such file. */
function ageOf(path: string): number {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found ? Date.now() - found.mtimeMs : Infinity
}

/** Empty for what is no file, such as a pipe, which would hang whoever opens it. Undefined if it may not be read. */
function textOf(path: string): string | undefined {
  try {
    return beginningOf(path, maxTextBytes) ?? ''
  } catch {
    return undefined
  }
}
