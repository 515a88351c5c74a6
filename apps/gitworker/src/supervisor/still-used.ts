import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { isLive, processes } from '../process-table.ts'

/**
 * Whether a living process works with a path: has it in its arguments or environment, works in it, or has something in
 * it open. Sees this user's processes, in this PID namespace. Reads some files for each: milliseconds on a busy host.
 */
export function isInUse(path: string): boolean {
  return processes().some((process) => isLive(process) && knows(process.pid, path))
}

function knows(pid: number, path: string): boolean {
  const folder = `/proc/${pid}`
  const isWithin = (target: string) => target === path || target.startsWith(`${path}/`)
  return (
    isWithin(linkOf(join(folder, 'cwd'))) ||
    textOf(join(folder, 'cmdline')).includes(path) ||
    textOf(join(folder, 'environ')).includes(path) ||
    namesIn(join(folder, 'fd')).some((fd) => isWithin(linkOf(join(folder, 'fd', fd))))
  )
}

/** Whether a process lives that works in a folder, as receive-pack does in its repository. */
export function worksIn(pid: number, folder: string): boolean {
  return linkOf(`/proc/${pid}/cwd`) === folder
}

/*
 * What cannot be read has ended while we looked, or is another user's.
 */

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
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
