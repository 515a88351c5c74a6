import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { mostSwapped } from '@sluice/shared/coordinator/coordinator'
import { InProcessCoordinator } from '@sluice/shared/coordinator/in-process/in-process-coordinator'
import { KeyStore } from '@sluice/shared/coordinator/in-process/key-store'
import { formatAddress } from '@sluice/shared/network/address'
import { clusterKeys } from '@sluice/shared/placement/keys'
import { slotCount, slotOf } from '@sluice/shared/placement/slot'
import { readSlotRecord, writeSlotRecord } from '@sluice/shared/placement/slot-record'
import type { SlotRecord, SlotWrite } from '@sluice/shared/placement/slot-record'
import type { Logger } from '@sluice/shared/telemetry/log'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import { readSupervisorConfig } from '../../src/config/config.ts'
import { startSupervisor } from '../../src/start/start.ts'
import type { Supervisor } from '../../src/start/start.ts'
import { PatientCoordinator } from './patient-coordinator.ts'

const keys = clusterKeys('/sluice/')
/** Settings take none like it. */
const anyPort = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const

/**
 * Whole hosts in this process, each with a disk of its own. The test itself writes who keeps what. The kernel gives them their
 * ports, whatever the settings say. In the log, `by` says which host a line is of.
 */
export type HostsInProcess = AsyncDisposable & {
  readonly folder: string
  start(name: string, more?: Readonly<Record<string, string>>): Promise<Supervisor>
  /** It can be started again, with what is on its disk. */
  stop(name: string): Promise<void>
  /** Cuts a host off from the coordinator, or mends that. */
  cutOff(name: string, isCutOff: boolean): void
  /** Ends a host's leases, as if they had not been renewed. They end in no other way, however busy the machine is. */
  lapse(name: string): void
  /** Writes who keeps a repository's slot; `term` undefined: it begins now. Resolves when all hosts know that can. */
  place(repository: string, record: Pick<SlotWrite, 'primary' | 'copies' | 'inSync'> & { term?: number }): Promise<void>
  /** The same for all slots. @returns the revision */
  placeAll(record: Pick<SlotWrite, 'primary' | 'copies' | 'inSync'>): Promise<number>
  recordOf(repository: string): Promise<SlotRecord>
  /** By slot, and as of which revision. */
  records(): Promise<{ readonly revision: number; readonly records: readonly SlotRecord[] }>
  inSyncOf(repository: string): Promise<readonly string[]>
  rootOf(host: string): string
  /** Where a client pushes to. */
  urlOf(host: string, repository: string): string
  /** All references of a host's repository. */
  refsAt(host: string, repository: string): Promise<string>
}

export async function openHostsInProcess(
  settings: Readonly<Record<string, string>> = {},
  log: Logger = silentLog,
): Promise<HostsInProcess> {
  await using opening = new AsyncDisposableStack()
  const store = new KeyStore()
  const operator = opening.use(new InProcessCoordinator(store))
  // While somebody has this key, no host balances.
  const lease = opening.use(await operator.grantLease(60_000))
  await operator.swap([{ key: keys.balancer, expected: 0, value: 'nobody', lease }])
  const { path: folder } = opening.use(await temporaryFolder())
  const hosts = new Map<string, Supervisor>()
  const coordinators = new Map<string, PatientCoordinator>()
  const rootOf = (host: string) => join(folder, host)
  const start = async (name: string, more: Readonly<Record<string, string>> = {}) => {
    await mkdir(rootOf(name), { recursive: true })
    const read = readSupervisorConfig({
      SLUICE_ROOT: rootOf(name),
      SLUICE_SUPERVISOR: '127.0.0.1:1',
      SLUICE_RUN_FOLDER: join(folder, `run-${name}`),
      SLUICE_CREATE_ON_PUSH: 'on',
      SLUICE_MIN_FREE_DISK: '0B',
      SLUICE_MAINTENANCE: 'off',
      SLUICE_WARM_WORKERS: '2',
      SLUICE_WORKER_START_TIMEOUT: '60s',
      SLUICE_CLUSTER: 'etcd',
      SLUICE_ETCD: 'http://127.0.0.1:1',
      SLUICE_HOST_NAME: name,
      SLUICE_COPY_TIMEOUT: '60s',
      // For so long, a host that has just started acknowledges nothing: it may have let copies be read from before.
      SLUICE_LEASE: '1s',
      ...settings,
      ...more,
    })
    // A port that was free a moment ago may be somebody else's by now.
    const config = { ...read, supervisor: anyPort, supervisorOperations: read.supervisorOperations && anyPort }
    const coordinator = new PatientCoordinator(store)
    coordinators.set(name, coordinator)
    const host = await startSupervisor(config, log.child({ by: name }), coordinator)
    hosts.set(name, host)
    return host
  }
  const stop = async (name: string) => {
    const host = hosts.get(name)
    hosts.delete(name)
    await host?.[Symbol.asyncDispose]()
  }
  opening.defer(async () => void (await Promise.all([...hosts.keys()].map(stop))))
  const recordOf = async (repository: string) => {
    const { entries } = await operator.read(keys.slot(slotOf(repository)))
    return readSlotRecord(entries[0]!.value, entries[0]!.revision)!
  }
  const untilKnown = async (revision: number) => {
    const known = () =>
      [...hosts].every(([name, { cluster }]) => coordinators.get(name)!.isAway || cluster!.status.revision >= revision)
    await until('all hosts to know', known)
  }
  const opened = opening.move()
  return {
    folder,
    start,
    stop,
    cutOff: (name, isCutOff) => void (coordinators.get(name)!.isAway = isCutOff),
    lapse: (name) => coordinators.get(name)!.lapse(),
    place: async (repository, { term, ...record }) => {
      const value = writeSlotRecord({ ...record, next: undefined, term })
      const { revision } = await operator.swap([{ key: keys.slot(slotOf(repository)), expected: undefined, value }])
      await untilKnown(revision)
    },
    placeAll: async (record) => {
      const value = writeSlotRecord({ ...record, next: undefined, term: undefined })
      let last = 0
      for (let slot = 0; slot < slotCount; slot += mostSwapped) {
        const slots = Array.from({ length: mostSwapped }, (_, offset) => slot + offset)
        const parts = slots.map((one) => ({ key: keys.slot(one), expected: undefined, value }))
        last = (await operator.swap(parts)).revision
      }
      await untilKnown(last)
      return last
    },
    recordOf,
    records: async () => {
      const { revision, entries } = await operator.read(keys.slots)
      return { revision, records: entries.map((entry) => readSlotRecord(entry.value, entry.revision)!) }
    },
    inSyncOf: async (repository) => (await recordOf(repository)).inSync,
    rootOf,
    urlOf: (host, repository) => `http://${formatAddress(hosts.get(host)!.address)}/${repository}`,
    refsAt: (host, repository) =>
      git(join(rootOf(host), repository), ['for-each-ref', '--format=%(refname) %(objectname)']),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
