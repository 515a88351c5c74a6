import { join } from 'node:path'
import { controlGroups, readField, readNumber, readText } from '@sluice/shared/machine/control-group'
import type { ControlGroup } from '@sluice/shared/machine/control-group'
import { memoryLimitOf } from '@sluice/shared/machine/machine'
import { mebibytes } from './host-limits.ts'

/** Whether the processes of this control group, or of the whole machine, are short of memory or processor time. */
export type Pressure =
  | { readonly short: false }
  | {
      readonly short: true
      readonly of: 'memory' | 'cpu'
      /** A sentence with the numbers, for the log. */
      readonly detail: string
    }

export type ReadPressure = () => Pressure

const thresholds = {
  /** Part of a group's memory limit, not counting inactive page cache, which the kernel frees when it needs memory. */
  workingSet: 0.9,
  /** Part of the machine's memory. */
  available: 0.05,
  /** Percent of the last 10 s in which some process waited for memory. */
  stalled: 10,
  /** Part of the periods of the CPU quota since the last measurement. */
  throttled: 0.25,
} as const

/** A period is 0.1 s. With fewer periods than this, a single throttled one says nothing. */
const fewestPeriods = 5

/**
 * Each call of the returned function reads a dozen small files, in less than half a millisecond. The first call says
 * nothing about the processor.
 *
 * @param files the root of the file system whose /proc and /sys are read
 */
export function pressureReader(files = '/'): ReadPressure {
  const memory = controlGroups('memory', files)
  const cpu = controlGroups('cpu', files).map((group) => new Throttling(group))
  return () => {
    // Every group is measured, whatever the others say: each counts from its last measurement.
    const throttled = cpu.map((group) => group.look()).find((detail) => detail !== undefined)
    const short = memory.map(fullness).find((detail) => detail !== undefined) ?? stalls(memory, files) ?? usedUp(files)
    if (short !== undefined) return { short: true, of: 'memory', detail: short }
    if (throttled !== undefined) return { short: true, of: 'cpu', detail: throttled }
    return { short: false }
  }
}

function fullness(group: ControlGroup): string | undefined {
  const { bytes: limit } = memoryLimitOf(group)
  if (limit === undefined) return undefined
  const usage = readNumber(join(group.folder, group.version === 2 ? 'memory.current' : 'memory.usage_in_bytes')) ?? 0
  if (usage <= limit * thresholds.workingSet) return undefined
  const cache = group.version === 2 ? 'inactive_file' : 'total_inactive_file'
  const workingSet = usage - (readField(readText(join(group.folder, 'memory.stat')), cache) ?? 0)
  if (workingSet <= limit * thresholds.workingSet) return undefined
  return `${mebibytes(workingSet)} of the ${mebibytes(limit)} of control group ${group.name} are in use`
}

/**
 * Pressure stall information of this process's control group, or of the machine:
 * https://docs.kernel.org/accounting/psi.html.
 */
function stalls(groups: readonly ControlGroup[], files: string): string | undefined {
  const own = groups.find((group) => group.version === 2)
  const text =
    (own && readText(join(own.folder, 'memory.pressure'))) ?? readText(join(files, 'proc/pressure/memory')) ?? ''
  const stalled = Number(/^some avg10=([\d.]+)/m.exec(text)?.[1] ?? 0)
  if (stalled <= thresholds.stalled) return undefined
  return `processes waited for memory in ${stalled} % of the last 10 s`
}

function usedUp(files: string): string | undefined {
  const text = readText(join(files, 'proc/meminfo'))
  const [total, available] = [readField(text, 'MemTotal'), readField(text, 'MemAvailable')]
  if (total === undefined || available === undefined || available >= total * thresholds.available) return undefined
  return `${mebibytes(available * 1024)} of the machine's ${mebibytes(total * 1024)} are available`
}

/**
 * How often a group was throttled because it had used up its CPU quota: cpu.stat, the same in both versions of cgroups.
 */
class Throttling {
  readonly #group: ControlGroup
  #last: { periods: number; throttled: number } | undefined

  constructor(group: ControlGroup) {
    this.#group = group
  }

  look(): string | undefined {
    const text = readText(join(this.#group.folder, 'cpu.stat'))
    const now = { periods: readField(text, 'nr_periods') ?? 0, throttled: readField(text, 'nr_throttled') ?? 0 }
    const last = this.#last ?? now
    this.#last = now
    const periods = now.periods - last.periods
    const throttled = now.throttled - last.throttled
    if (periods < fewestPeriods || throttled <= periods * thresholds.throttled) return undefined
    return `control group ${this.#group.name} was throttled in ${throttled} of the last ${periods} periods of its CPU quota`
  }
}
