import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A control group whose limits bind this process: its own, or an ancestor of it (cgroups(7)). */
export type ControlGroup = {
  readonly version: 1 | 2
  /** Its path below the root of the hierarchy, for messages: `/kubepods/pod7`. */
  readonly name: string
  readonly folder: string
}

export type Controller = 'cpu' | 'memory' | 'pids'

/**
 * Where a controller's files may lie, this process's own group first, then its ancestors. On hosts with both versions the
 * second has no such files for the controllers that the first one has, so whoever reads them skips what is not there.
 *
 * @param files the root of the file system
 */
export function controlGroups(controller: Controller, files = '/'): ControlGroup[] {
  return (readText(join(files, 'proc/self/cgroup')) ?? '').split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? []
    if (controllers === undefined || path === undefined) return []
    if (controllers === '') return lineage(2, path, secondVersion(files))
    if (!controllers.split(',').includes(controller)) return []
    return lineage(1, path, firstExisting([controllers, controller].map((name) => join(files, mounts, name))))
  })
}

/** A whole number; undefined where there is no such file, or it says that there is no limit. */
export function readNumber(file: string): number | undefined {
  const text = readText(file)?.trim()
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

/** Undefined where there is no such file, or it may not be read. */
export function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return undefined
  }
}

/** From files of lines such as `nr_periods 10`. */
export function readField(text: string | undefined, name: string): number | undefined {
  const digits = new RegExp(`^${name}:?\\s+(\\d+)`, 'm').exec(text ?? '')?.[1]
  return digits === undefined ? undefined : Number(digits)
}

const mounts = 'sys/fs/cgroup'

/** Alone, or beside the first version. */
function secondVersion(files: string): string | undefined {
  const folders = [join(files, mounts), join(files, mounts, 'unified')]
  return folders.find((folder) => existsSync(join(folder, 'cgroup.controllers')))
}

function firstExisting(folders: readonly string[]): string | undefined {
  return folders.find((folder) => existsSync(folder))
}

function lineage(version: 1 | 2, path: string, mount: string | undefined): ControlGroup[] {
  if (mount === undefined) return []
  // In a container the path may be the host's, and what is mounted begins at the container's own group.
  const isBelow = !path.split('/').includes('..') && existsSync(join(mount, path))
  const parts = isBelow ? path.split('/').filter(Boolean) : []
  return Array.from({ length: parts.length + 1 }, (_, above) => {
    const name = `/${parts.slice(0, parts.length - above).join('/')}`
    return { version, name, folder: join(mount, name) }
  })
}
