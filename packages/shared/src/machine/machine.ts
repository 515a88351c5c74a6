import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { controlGroups, readField, readNumber, readText } from './control-group.ts'
import type { ControlGroup } from './control-group.ts'
import { tightestProcessLimit } from './process-limit.ts'
import type { ProcessLimit } from './process-limit.ts'

/** What this process may use of the machine that it runs on. */
export type Machine = {
  readonly cores: number
  readonly memoryBytes: number
  /** What sets that limit: `memory.max of /kubepods/pod7`, or `the machine`. */
  readonly memoryFrom: string
  readonly processes: ProcessLimit
  readonly descriptors: { readonly limit: number | undefined }
}

/** @param files the root of the file system whose /proc and /sys are read */
export function readMachine(files = '/'): Machine {
  return {
    cores: coresOf(files),
    ...memoryOf(files),
    processes: tightestProcessLimit(files),
    descriptors: { limit: descriptorsOf(files) },
  }
}

/**
 * libuv knows affinity and quotas, but misses quotas of the first version where `cpu` is mounted alone. It also rounds
 * down.
 */
function coresOf(files: string): number {
  const quotas = controlGroups('cpu', files).map((group) => quotaOf(group))
  return Math.min(availableParallelism(), ...quotas.map((cores) => Math.max(1, Math.floor(cores))))
}

/** In cores. Infinity where there is no quota. */
function quotaOf({ version, folder }: ControlGroup): number {
  const [quota, period] =
    version === 2
      ? (readText(join(folder, 'cpu.max')) ?? '').split(' ').map(Number)
      : [readNumber(join(folder, 'cpu.cfs_quota_us')), readNumber(join(folder, 'cpu.cfs_period_us'))]
  return quota && period ? quota / period : Infinity
}

function memoryOf(files: string): Pick<Machine, 'memoryBytes' | 'memoryFrom'> {
  const groups = controlGroups('memory', files).map((group) => {
    const limit = memoryLimitOf(group)
    return { memoryBytes: limit.bytes ?? Infinity, memoryFrom: `${limit.file} of ${group.name}` }
  })
  // In the first version, no limit is a number, too: one that is larger than the memory of any machine.
  return [machineMemory(files), ...groups].reduce((least, one) => (one.memoryBytes < least.memoryBytes ? one : least))
}

export function memoryLimitOf({ version, folder }: ControlGroup): { file: string; bytes: number | undefined } {
  const file = version === 2 ? 'memory.max' : 'memory.limit_in_bytes'
  return { file, bytes: readNumber(join(folder, file)) }
}

function machineMemory(files: string): Pick<Machine, 'memoryBytes' | 'memoryFrom'> {
  const kibibytes = readField(readText(join(files, 'proc/meminfo')), 'MemTotal') ?? Infinity
  return { memoryBytes: kibibytes * 1024, memoryFrom: 'the machine' }
}

/** The hard limit, since Node raises its soft limit to it at the start. */
function descriptorsOf(files: string): number | undefined {
  return readField(readText(join(files, 'proc/self/limits')), 'Max open files +(?:\\d+|unlimited)')
}
