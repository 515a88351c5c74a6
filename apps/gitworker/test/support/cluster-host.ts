import { Registry } from 'prom-client'
import { InProcessCoordinator } from '@sluice/shared/coordinator/in-process/in-process-coordinator'
import { KeyStore } from '@sluice/shared/coordinator/in-process/key-store'
import { formatVersion } from '@sluice/shared/placement/format'
import { clusterKeys } from '@sluice/shared/placement/keys'
import { slotCount, slotOf } from '@sluice/shared/placement/slot'
import { writeSlotRecord } from '@sluice/shared/placement/slot-record'
import type { SlotWrite } from '@sluice/shared/placement/slot-record'
import { until } from '@sluice/shared/testing/until'
import { HostCluster } from '../../src/cluster/host-cluster.ts'
import { ClusterMetrics } from '../../src/cluster/shown/cluster-metrics.ts'
import { PatientCoordinator } from './patient-coordinator.ts'
import { recordLog } from './recorded-log.ts'

export const keys = clusterKeys('/sluice/')

export type TestHost = AsyncDisposable & {
  readonly name: string
  readonly run: string
  readonly cluster: HostCluster
  readonly coordinator: PatientCoordinator
  readonly lines: readonly Record<string, unknown>[]
}

export type TestHostOptions = {
  /**
   * What it asks for as its lease, in milliseconds: a part of it is for how long copies may be read from, and as long,
   * slots are not moved. The lease that it gets is longer, so that a busy machine does not end it.
   */
  readonly ttl?: number
  readonly storage?: 'shared' | 'own'
  readonly weight?: number
  readonly copies?: number
  readonly minInSync?: number
  /** Milliseconds. */
  readonly longestHandover?: number
}

/** Hosts without requests, on one coordinator in this process. */
export class TestCluster implements AsyncDisposable {
  readonly store = new KeyStore()
  readonly operator = new InProcessCoordinator(this.store)
  readonly #hosts = new AsyncDisposableStack()
  #runs = 0

  /** A host that has not joined yet. */
  open(name: string, options: TestHostOptions = {}): TestHost {
    const {
      ttl = 60_000,
      storage = 'shared',
      weight = 100,
      copies = 1,
      minInSync = 1,
      longestHandover = 30_000,
    } = options
    const coordinator = new PatientCoordinator(this.store)
    const { lines, log } = recordLog()
    const run = `run-${++this.#runs}`
    const cluster = new HostCluster({
      coordinator,
      keys,
      identity: { name, weight, zone: '', version: '1', run },
      format: { version: formatVersion, slots: slotCount, storage, copies },
      areCopiesChosen: true,
      minInSync,
      ttl,
      longestHandover,
      metrics: new ClusterMetrics(new Registry()),
      log,
    })
    let isOver = false
    const host: TestHost = {
      name,
      run,
      cluster,
      coordinator,
      lines,
      async [Symbol.asyncDispose]() {
        if (isOver) return
        isOver = true
        await cluster[Symbol.asyncDispose]()
        await coordinator[Symbol.asyncDispose]()
      },
    }
    this.#hosts.use(host)
    return host
  }

  async join(name: string, options?: TestHostOptions): Promise<TestHost> {
    const host = this.open(name, options)
    await host.cluster.join(`${name}.test:3000`)
    return host
  }

  /** Writes the record of a repository's slot, whatever is there. @returns its revision */
  async place(repository: string, record: Partial<SlotWrite>): Promise<number> {
    const { primary } = record
    const both = primary === undefined ? [] : [primary]
    const write = { primary, copies: both, inSync: both, next: undefined, term: undefined, ...record }
    return await this.write(slotOf(repository), writeSlotRecord(write))
  }

  async write(slot: number, value: string): Promise<number> {
    const { revision } = await this.operator.swap([{ key: keys.slot(slot), expected: undefined, value }])
    return revision
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hosts.disposeAsync()
    await this.operator[Symbol.asyncDispose]()
  }
}

/** Waits until a host has heard of a revision. */
export async function heard({ cluster }: TestHost, revision: number): Promise<void> {
  await until(`revision ${revision}`, () => cluster.status.revision >= revision)
}
