import { cpus, freemem, loadavg, release, totalmem } from 'node:os'
import type { Contestant } from './peers/contestant.ts'

/** What the figures depend on besides the contestants. */
export type Machine = {
  readonly cores: number
  readonly processor: string
  readonly memoryGiB: number
  readonly freeGiB: number
  readonly kernel: string
  readonly load: number
  readonly node: string
  readonly versions: Readonly<Record<string, string>>
}

export function describeMachine(contestants: readonly Contestant[]): Machine {
  const processors = cpus()
  return {
    cores: processors.length,
    processor: processors[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    freeGiB: Math.round(freemem() / 2 ** 30),
    kernel: release(),
    load: loadavg()[0]!,
    node: process.version,
    versions: Object.fromEntries(contestants.map(({ title, version }) => [title, version])),
  }
}

export function sentencesOn({ cores, processor, memoryGiB, kernel, load, node, versions }: Machine): string[] {
  const named = Object.entries(versions).map(([title, version]) => `${title} ${version}`)
  return [
    `Machine: ${cores} cores (${processor}), ${memoryGiB} GiB, Linux ${kernel}, load ${load.toFixed(1)} at the start.`,
    `Versions: ${named.join(', ')}, Node ${node}.`,
  ]
}
