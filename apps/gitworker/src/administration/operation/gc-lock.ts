import { closeSync, lstatSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import { readProcess } from '../../process/process-table.ts'

/*
 * While maintenance is at work in a repository, an operator's `git gc` must not be, and the other way round: each would
 * remove packs that the other counts on. git has a file for it (lock_repo_for_gc in builtin/gc.c): `gc.pid` says which
 * process of which host is at work. It counts while that process lives, or, of another host, for twelve hours. It is written
 * under `gc.pid.lock`.
 *
 * Synchronous: if this process is killed in between, no lock stays behind that nobody can judge.
 */

const maxAgeMs = 12 * 60 * 60_000

/** `git maintenance run` has a lock of its own, without a word of its owner. It counts for a day. */
const maxMaintenanceMs = 24 * 60 * 60_000

/** Those that this process holds: its pid says nothing of a lock that an earlier process with the same pid has left. */
const held = new Set<string>()

/** Takes the lock, as git does. Undefined where somebody else is at work. @param gitDir the common directory */
export function lockForGc(gitDir: string): Disposable | undefined {
  const file = join(gitDir, 'gc.pid')
  const lock = `${file}.lock`
  if (ageOf(join(gitDir, 'objects/maintenance.lock')) < maxMaintenanceMs) return undefined
  let opened: number
  try {
    opened = openSync(lock, 'wx')
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return undefined
    throw error
  }
  try {
    if (isHeld(file)) {
      rmSync(lock)
      return undefined
    }
    writeSync(opened, ownLine())
    renameSync(lock, file)
    held.add(file)
  } catch (error) {
    rmSync(lock, { force: true })
    throw error
  } finally {
    closeSync(opened)
  }
  return { [Symbol.dispose]: () => unlock(file) }
}

/** Removes the file if it is still ours: after twelve hours, another may have taken it. */
function unlock(file: string): void {
  held.delete(file)
  if (textOf(file) === ownLine()) rmSync(file, { force: true })
}

function ownLine(): string {
  return `${process.pid} ${hostname()}`
}

function isHeld(file: string): boolean {
  if (held.has(file)) return true
  if (ageOf(file) >= maxAgeMs) return false
  const [, pid, host] = /^(\d{1,10}) (\S{1,255})/.exec(textOf(file)) ?? []
  // git takes a file that it cannot read for nobody's.
  if (pid === undefined) return false
  if (host !== hostname()) return true
  // It is none of this process's.
  return Number(pid) !== process.pid && readProcess(Number(pid)) !== undefined
}

/** Milliseconds since the last change. Infinite if there is no such file. */
function ageOf(path: string): number {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found ? Date.now() - found.mtimeMs : Infinity
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(0, 512)
  } catch {
    return ''
  }
}
