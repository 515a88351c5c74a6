import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { isLive, processes } from './process-table.ts'

/**
 * Whether a living process uses a path: has its working folder in it, has it in its arguments or environment by any name, or
 * has a file in it open. Finds this user's processes in this PID namespace. Reads some files for each process, which takes
 * milliseconds on a busy host.
 *
 * @param path absolute, and free of symbolic links
 */
export function isInUse(path: string): boolean {
  return processes().some((process) => isLive(process) && (worksWith(process.pid, path) || hasOpen(process.pid, path)))
}

/** The same without open files, since this process has some open itself. */
export function isAtWorkWith(path: string): boolean {
  return processes().some((process) => isLive(process) && worksWith(process.pid, path))
}

/** The same without those that only read, and so lock nothing: fetches that are served. */
export function mayBeWrittenTo(path: string): boolean {
  return processes().some((process) => isLive(process) && !isReader(process.pid) && worksWith(process.pid, path))
}

function isReader(pid: number): boolean {
  return /(?:^|\0|-)(?:upload-pack|pack-objects)\0/.test(textOf(`/proc/${pid}/cmdline`))
}

function worksWith(pid: number, path: string): boolean {
  const cwd = linkOf(`/proc/${pid}/cwd`)
  return (
    isWithin(cwd, path) ||
    names(textOf(`/proc/${pid}/cmdline`), cwd, path) ||
    names(textOf(`/proc/${pid}/environ`), cwd, path)
  )
}

/** Whether one of these arguments or variables names a path, such as `--git-dir=project.git` in the folder above. */
function names(words: string, cwd: string, path: string): boolean {
  if (words.includes(path)) return true
  const name = basename(path)
  if (!words.includes(name)) return false
  const isOne = (text: string) => text.includes(name) && isWithin(realPathOf(resolve(cwd, text)), path)
  return words.split('\0').some((word) => isOne(word) || isOne(word.slice(word.indexOf('=') + 1)))
}

function hasOpen(pid: number, path: string): boolean {
  const folder = `/proc/${pid}/fd`
  return namesIn(folder).some((fd) => isWithin(linkOf(join(folder, fd)), path))
}

function isWithin(target: string, path: string): boolean {
  return target === path || target.startsWith(`${path}/`)
}

/** Whether a process with this pid has a folder as its working folder, as receive-pack has its repository. */
export function worksIn(pid: number, folder: string): boolean {
  return linkOf(`/proc/${pid}/cwd`) === folder
}

/* What cannot be read belongs to another user, or to a process that has just ended. */

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function realPathOf(path: string): string {
  try {
    return realpathSync.native(path)
  } catch {
    return ''
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
