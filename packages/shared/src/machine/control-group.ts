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
 * Where a controller's files may be: this process's own group first, then its ancestors. On machines with both
 * versions, a controller is in one of them only, so readers skip files that do not exist.
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

/** A whole number. Undefined where the file does not exist, or says that there is no limit. */
export function readNumber(file: string): number | undefined {
  const text = readText(file)?.trim()
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

/** Undefined where the file does not exist or may not be read. */
export function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return undefined
  }
}

/** Reads one number from text with lines such as `nr_periods 10`. */
export function readField(text: string | undefined, name: string): number | undefined {
  const digits = new RegExp(`^${name}:?\\s+(\\d+)`, 'm').exec(text ?? '')?.[1]
  return digits === undefined ? undefined : Number(digits)
}

const mounts = 'sys/fs/cgroup'

/** Where the second version is mounted: alone, or beside the first. */
function secondVersion(files: string): string | undefined {
  const folders = [join(files, mounts), join(files, mounts, 'unified')]
  return folders.find((folder) => existsSync(join(folder, 'cgroup.controllers')))
}

function firstExisting(folders: readonly string[]): string | undefined {
  return folders.find((folder) => existsSync(folder))
}

/**
 * The group that the host's supervisor makes for itself, so that it can make others beside it: apps/gitworker, control-group.
 * It has no limits, and does not hold what the others use.
 */
const ownLeaf = /\/sluice-[\da-f]{16}\/supervisor$/

function lineage(version: 1 | 2, whole: string, mount: string | undefined): ControlGroup[] {
  if (mount === undefined) return []
  const path = whole.replace(ownLeaf, '') || '/'
  // In a container, the path may be the host's while the mount begins at the container's own group.
  const isBelow = !path.split('/').includes('..') && existsSync(join(mount, path))
  const parts = isBelow ? path.split('/').filter(Boolean) : []
  return Array.from({ length: parts.length + 1 }, (_, above) => {
    const name = `/${parts.slice(0, parts.length - above).join('/')}`
    return { version, name, folder: join(mount, name) }
  })
}
