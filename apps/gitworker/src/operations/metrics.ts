import { Counter, Histogram } from 'prom-client'
import type { Registry } from 'prom-client'
import { addCounters, addGauge, addGauges } from '@sluice/shared/telemetry/gauge'
import type { Service } from '@sluice/shared/git/git-route'
import type { Lane } from '@sluice/shared/admission/lane'
import type { GitReport } from '../process/worker-message.ts'
import type { ReferenceCache } from '../cache/references/reference-cache.ts'
import type { PackCache } from '../cache/packs/pack-cache.ts'
import { isGitsOwnEnd } from './request-record.ts'
import type { RequestRecord } from './request-record.ts'
import type { AdaptiveLimit } from '../capacity/adaptive-limit.ts'
import { laneNames } from '../capacity/admission.ts'
import type { Admission, LaneName } from '../capacity/admission.ts'
import type { Leaked } from '../process/leak-check.ts'
import type { DiskSpace, FreeSpace } from '../capacity/disk-space.ts'
import type { Pool } from '../process/pool.ts'

/** The supervisor's metrics beyond those of requests: workers, lanes, teardowns, caches, disks, and what git uses. */
export class HostMetrics {
  readonly #registry: Registry
  readonly #starts: Counter<'result'>
  readonly #startTime: Histogram
  readonly #waits: Histogram<'lane'>
  readonly #teardowns: Counter<'reason' | 'signal'>
  readonly #gitCpu: Counter<'service'>
  readonly #gitMemory: Histogram<'service'>
  readonly #administration: Counter<'operation' | 'result'>

  constructor(registry: Registry) {
    this.#registry = registry
    const registers = [registry]
    this.#starts = new Counter({
      name: 'sluice_worker_starts_total',
      help: 'Workers that were started, by how that went.',
      labelNames: ['result'],
      registers,
    })
    this.#startTime = new Histogram({
      name: 'sluice_worker_start_seconds',
      help: 'How long workers took until they could be leased.',
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
      registers,
    })
    this.#waits = new Histogram({
      name: 'sluice_lane_wait_seconds',
      help: 'How long requests waited for a slot, those that were refused included.',
      labelNames: ['lane'],
      buckets: [0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    })
    this.#teardowns = new Counter({
      name: 'sluice_teardowns_total',
      help: 'Requests whose processes had to be ended, by why, and by the strongest signal that it took.',
      labelNames: ['reason', 'signal'],
      registers,
    })
    this.#gitCpu = new Counter({
      name: 'sluice_git_cpu_seconds_total',
      help: 'User and system time of git and all that it waited for.',
      labelNames: ['service'],
      registers,
    })
    this.#gitMemory = new Histogram({
      name: 'sluice_git_peak_memory_bytes',
      help: 'The largest resident set among the processes of a request.',
      labelNames: ['service'],
      buckets: [16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192].map((mebibytes) => mebibytes * 2 ** 20),
      registers,
    })
    this.#administration = new Counter({
      name: 'sluice_administration_total',
      help: 'Operations on repositories that operators asked for, by what became of them.',
      labelNames: ['operation', 'result'],
      registers,
    })
  }

  /** @param result `ok`, or the reason of a refusal */
  administered(operation: string, result: string): void {
    this.#administration.inc({ operation, result })
  }

  /** @param milliseconds until the worker was ready; undefined where it could not be started */
  workerStarted(milliseconds: number | undefined): void {
    this.#starts.inc({ result: milliseconds === undefined ? 'failed' : 'ok' })
    if (milliseconds !== undefined) this.#startTime.observe(milliseconds / 1000)
  }

  waited(lane: LaneName, milliseconds: number): void {
    this.#waits.observe({ lane }, milliseconds / 1000)
  }

  gitEnded(service: Service, { cpuMs, maxRssBytes }: GitReport): void {
    if (cpuMs !== null) this.#gitCpu.inc({ service }, cpuMs / 1000)
    if (maxRssBytes !== null) this.#gitMemory.observe({ service }, maxRssBytes)
  }

  requestEnded({ refusal, worker, signalled, leftovers, finishedAfterDisconnect }: RequestRecord): void {
    const endedByItself = refusal === undefined || isGitsOwnEnd(refusal)
    if (worker === undefined || (endedByItself && signalled === undefined)) return
    const ofHooks = finishedAfterDisconnect === false ? 'hook_timeout' : undefined
    const reason = ofHooks ?? refusal?.reason ?? (leftovers === true ? 'leftovers' : 'late')
    this.#teardowns.inc({ reason, signal: signalled ?? 'none' })
  }

  /** Adds the metrics whose values are read when they are scraped. */
  show(pool: Pool, { lanes }: Admission, leaked: () => Leaked, adaptive: AdaptiveLimit | undefined): void {
    const add = (name: string, help: string, label: string, read: () => [string, number][]) =>
      addGauges(this.#registry, name, help, label, read)
    const ofLanes = (value: (lane: Lane) => number) => () =>
      laneNames.map((name): [string, number] => [name, value(lanes[name])])
    add('sluice_workers', 'Workers by state.', 'state', () => Object.entries(pool.counts))
    add(
      'sluice_lane_slots',
      'How many may run now.',
      'lane',
      ofLanes(({ slots }) => slots),
    )
    const configured = 'How many may run when nothing is short.'
    add(
      'sluice_lane_slots_configured',
      configured,
      'lane',
      ofLanes(({ limits }) => limits.slots),
    )
    add(
      'sluice_lane_running',
      'Slots that are held.',
      'lane',
      ofLanes(({ running }) => running),
    )
    add(
      'sluice_lane_waiting',
      'Requests that wait for a slot.',
      'lane',
      ofLanes(({ waiting }) => waiting),
    )
    const left = 'What is left of requests that are over; it should be 0. Looked at once a minute.'
    add('sluice_leaked_processes', left, 'state', () => [
      ['live', leaked().processes],
      ['zombie', leaked().zombies],
    ])
    const short = 'When the host was last short of memory or processor time, if the slots for fetches follow that.'
    add('sluice_last_shortage_timestamp_seconds', short, 'of', () =>
      adaptive?.lastShortage ? [[adaptive.lastShortage.of, adaptive.lastShortage.at / 1000]] : [],
    )
  }

  showOrphans(ended: () => number): void {
    const help = 'Processes that killed workers had left, had got out of their sessions, and were ended. 0 on Node.'
    addCounters(this.#registry, 'sluice_orphans_total', help, [], () => [[[], ended()]])
  }

  /** @param audit counts the records itself */
  showAudit(audit: { readonly written: number; readonly failed: number }): void {
    const help = 'Records of pushes in the audit log, and those that could not be written, which are in the host’s log.'
    addCounters(this.#registry, 'sluice_audit_records_total', help, ['result'], () => [
      [['written'], audit.written],
      [['failed'], audit.failed],
    ])
  }

  showDisks(disks: DiskSpace): void {
    const add = (name: string, help: string, value: (space: FreeSpace) => number | undefined) =>
      addGauges(this.#registry, name, help, 'disk', async () =>
        (await disks.all()).flatMap(([disk, space]): [string, number][] => {
          const number = value(space)
          return number === undefined ? [] : [[disk, number]]
        }),
      )
    add('sluice_disk_free_bytes', 'What is free where the host writes.', ({ freeBytes }) => freeBytes)
    add('sluice_disk_bytes', 'The size of these disks.', ({ totalBytes }) => totalBytes)
    add('sluice_disk_free_inodes', 'How many files may still be made there.', ({ freeInodes }) => freeInodes)
  }

  /** The caches keep these counts themselves. */
  showCaches(answers: ReferenceCache | undefined, packs: PackCache): void {
    const requests = 'Requests that a cache was asked about; a hit cost no git.'
    addCounters(this.#registry, 'sluice_cache_requests_total', requests, ['cache', 'result'], () => [
      [['references', 'hit'], answers?.hits ?? 0],
      [['references', 'miss'], answers?.misses ?? 0],
      [['packs', 'hit'], packs.hits],
      [['packs', 'miss'], packs.misses],
    ])
    addGauge(this.#registry, 'sluice_spool_bytes', 'Disk space that shared packs take.', () => packs.bytes)
    addGauge(this.#registry, 'sluice_spools', 'Shared packs on disk.', () => packs.spools)
    const ahead = 'Disk space that is taken by what git has written ahead of slow clients.'
    addGauge(this.#registry, 'sluice_ahead_bytes', ahead, () => packs.aheadBytes)
    addGauge(this.#registry, 'sluice_pack_readers', 'Clients that read what a git writes.', () => packs.readers)
    const alone = 'Those of them whose git has ended: they hold no slot.'
    addGauge(this.#registry, 'sluice_pack_readers_without_git', alone, () => packs.readersAlone)
  }
}
