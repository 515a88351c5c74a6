import { ConfigError } from '@sluice/shared/config/config-error'
import { connectionLimit } from '@sluice/shared/connections/connection-limit'
import type { Machine } from '@sluice/shared/machine/machine'
import { settings } from '@sluice/shared/config/settings'
import type { SupervisorConfig } from '../config/config.ts'
import { hostLimits, mebibytes } from './host-limits.ts'
import type { HostLimit } from './host-limits.ts'
import { estimateCosts, plus, times } from './request-cost.ts'
import type { Cost, Resource, SlotKind } from './request-cost.ts'

export type Sizes = Readonly<Record<SlotKind | 'maxConnections' | 'warmWorkers', number>>

export type SizingConfig = Pick<
  SupervisorConfig,
  SlotKind | 'maxConnections' | 'warmWorkers' | 'packThreads' | 'packWindowMemory'
>

export type Sizing = {
  readonly sizes: Sizes
  /** Why the sizes are what they are: a sentence for the log. */
  readonly why: string
  readonly facts: Readonly<Record<string, string | number>>
  readonly warnings: readonly string[]
}

/**
 * Decides how much may run at once. Sizes that are not configured follow from the number of cores. Where memory,
 * processes or descriptors do not suffice for these, all of them are reduced in proportion.
 *
 * @throws {ConfigError} where the machine has too little even for the least that the configured sizes can use
 */
export function chooseSizes(config: SizingConfig, machine: Machine, runtime: 'launcher' | 'node'): Sizing {
  const costs = estimateCosts(config, runtime)
  const limits = hostLimits(machine, costs.supervisor.likely.processes)
  const need = (count: SlotCounts, connections: number, which: 'likely' | 'least') =>
    plus(
      costs.supervisor[which],
      times(warmWorkersFor(config, count, runtime), costs.worker[which]),
      ...slotKinds.map((kind) => times(count[kind], costs[kind][which])),
      { processes: 0, memory: 0, descriptors: connections },
    )

  const set = countSlots((kind) => (config[kind] === 'auto' ? 0 : config[kind]))
  const wished = countSlots((kind) => (config[kind] === 'auto' ? perCore[kind] * machine.cores : 0))
  const warm = Math.max(0, warmWorkersFor(config, wished, runtime) - warmWorkersFor(config, set, runtime))
  const wish = plus(
    times(warm, costs.worker.likely),
    ...slotKinds.map((kind) => times(wished[kind], costs[kind].likely)),
  )
  const { part, shortOf } = affordablePart(wish, need(set, connectionsToKeep(config, limits), 'likely'), limits)
  const slots = countSlots((kind) => set[kind] || Math.max(1, Math.floor(wished[kind] * part)))
  const pipes = need(slots, 0, 'likely').descriptors - costs.supervisor.likely.descriptors
  const { maxConnections: wanted } = config
  const maxConnections = connectionLimit(wanted, limits.descriptors.limit - pipes, 1, limits.memory.limit).limit

  const least = need(slots, maxConnections, 'least')
  const refusals = resources
    .filter((resource) => least[resource] > limits[resource].limit)
    .map((resource) => refusal(config, resource, least, limits))
  if (refusals.length > 0) throw new ConfigError(refusals)
  const likely = need(slots, maxConnections, 'likely')
  return {
    sizes: { ...slots, maxConnections, warmWorkers: warmWorkersFor(config, slots, runtime) },
    why: explain(slots, machine.cores, shortOf && limits[shortOf]),
    facts: { ...slots, maxConnections, ...factsOf(machine, likely) },
    warnings: resources
      .filter((resource) => likely[resource] > limits[resource].free)
      .map((resource) => warning(config, resource, likely, limits)),
  }
}

type SlotCounts = Readonly<Record<SlotKind, number>>

type Limits = Readonly<Record<Resource, HostLimit>>

const perCore = { fetchSlots: 8, pushSlots: 4, pushAdvertisementSlots: 4, jobSlots: 2 } as const

const slotKinds = ['fetchSlots', 'pushSlots', 'pushAdvertisementSlots', 'jobSlots'] as const

const resources = ['processes', 'memory', 'descriptors'] as const

/** The part of a resource that may be used. The rest is for git in large repositories, and for other processes. */
const mostUsed = 0.8

/** An idle worker of the launcher costs next to nothing; one on Node costs seven threads and 10 MB. */
const mostWarm = { launcher: 16, node: 4 } as const

/** More than can be used at once help nobody. */
function warmWorkersFor(
  { warmWorkers }: SizingConfig,
  { fetchSlots }: SlotCounts,
  runtime: 'launcher' | 'node',
): number {
  return warmWorkers === 'auto' ? Math.min(mostWarm[runtime], fetchSlots) : warmWorkers
}

function countSlots(count: (kind: SlotKind) => number): SlotCounts {
  return {
    fetchSlots: count('fetchSlots'),
    pushSlots: count('pushSlots'),
    pushAdvertisementSlots: count('pushAdvertisementSlots'),
    jobSlots: count('jobSlots'),
  }
}

/** Half of the descriptors are kept for connections, so that requests that wait for a slot have some, too. */
function connectionsToKeep({ maxConnections }: SizingConfig, { descriptors }: Limits): number {
  return maxConnections === 'auto' ? connectionLimit('auto', descriptors.limit / 2, 1).limit : maxConnections
}

/** The part of the wish that fits besides the given cost, and the resource that is too short for all of it. */
function affordablePart(wish: Cost, given: Cost, limits: Limits): { part: number; shortOf?: Resource } {
  const parts = resources.map((resource) => ({
    part: wish[resource] === 0 ? 1 : (limits[resource].free * mostUsed - given[resource]) / wish[resource],
    shortOf: resource,
  }))
  return parts.reduce<{ part: number; shortOf?: Resource }>((least, one) => (one.part < least.part ? one : least), {
    part: 1,
  })
}

function refusal(config: SizingConfig, resource: Resource, need: Cost, limits: Limits): string {
  const { from, limit, text } = limits[resource]
  return (
    `${inEnvironment(config, sources[resource])} cannot work: with a worker and one git in every slot that takes ` +
    `${text(need[resource])}, and ${from} allows ${text(limit)}. Lower the numbers, or raise that limit.`
  )
}

function warning(config: SizingConfig, resource: Resource, need: Cost, limits: Limits): string {
  const { from, free, text } = limits[resource]
  const keys = resource === 'descriptors' ? sources[resource] : ([...sources[resource], 'packThreads'] as const)
  return (
    `${inEnvironment(config, keys)} may be too much: with all slots in use that is likely to take ` +
    `${text(need[resource])}, and ${from} leaves ${text(free)}. Lower the numbers, or raise that limit.`
  )
}

/** The settings that determine the least need of each resource. */
const sources = {
  processes: [...slotKinds, 'warmWorkers'],
  memory: [...slotKinds, 'warmWorkers'],
  descriptors: [...slotKinds, 'maxConnections', 'warmWorkers'],
} as const

function inEnvironment(config: SizingConfig, keys: readonly (keyof typeof settings & keyof SizingConfig)[]): string {
  return keys
    .filter((key) => config[key] !== 'auto')
    .map((key) => `${settings[key].name}=${config[key]}`)
    .join(', ')
}

function explain(slots: SlotCounts, cores: number, shortOf: HostLimit | undefined): string {
  const { fetchSlots, pushSlots, pushAdvertisementSlots, jobSlots } = slots
  const atOnce =
    `slots for ${fetchSlots} × fetch, ${pushSlots} × push, ${pushAdvertisementSlots} × push advertisement ` +
    `and ${jobSlots} × job`
  const because = `the machine has ${cores} ${cores === 1 ? 'core' : 'cores'}`
  if (!shortOf) return `${atOnce}: ${because}`
  return `${atOnce}: ${because}, but ${shortOf.from} leaves ${shortOf.text(shortOf.free)}`
}

function factsOf({ cores, processes, memoryBytes, memoryFrom, descriptors }: Machine, likely: Cost) {
  return {
    cores,
    memory: `${mebibytes(likely.memory)} of ${mebibytes(memoryBytes)} (${memoryFrom})`,
    processes: `${likely.processes} of ${processes.limit ?? 'any number'} (${processes.from}), ${processes.used} in use`,
    descriptors: `${likely.descriptors} of ${descriptors.limit ?? 'any number'}`,
  }
}
