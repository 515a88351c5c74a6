import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import { startApp } from '../start/app-process.ts'
import type { Ending } from '../start/child-end.ts'
import type { DemoSlot } from './demo-slot.ts'
import { startEtcd } from './etcd-process.ts'
import { startKept } from './kept-process.ts'
import type { KeptProcess, Start } from './kept-process.ts'
import { openLog } from './log-file.ts'
import type { Environments, MemberEnvironment } from './member-environments.ts'
import type { Surfaces } from './surfaces.ts'
import { untilServing } from './until-serving.ts'

const project = fileURLToPath(new URL('../../../..', import.meta.url))
const mains = { host: 'apps/gitworker/src/main.ts', gateway: 'apps/gateway/src/main.ts' } as const

/** etcd, hosts and gateways of a cluster on this machine, until it is disposed of. */
export class ClusterMembers implements AsyncDisposable {
  readonly #folder: string
  readonly #environments: Environments
  readonly #demo: DemoSlot
  readonly #stopping: AbortSignal
  readonly #ending: Ending
  readonly #givingUp = new AbortController()
  /** What must end first is last. */
  readonly #running = new AsyncDisposableStack()
  readonly #died = Promise.withResolvers<never>()
  readonly #all: KeptProcess[] = []
  #hosts: readonly KeptProcess[] = []
  #gateways: readonly KeptProcess[] = []
  #demoRecord: SlotRecord | undefined

  constructor(folder: string, environments: Environments, demo: DemoSlot, { stopping, hurrying }: Ending) {
    this.#folder = folder
    this.#environments = environments
    this.#demo = demo
    this.#stopping = stopping
    this.#ending = { stopping, hurrying: AbortSignal.any([hurrying, this.#givingUp.signal]) }
    this.#died.promise.catch(() => {})
  }

  get hosts(): readonly KeptProcess[] {
    return this.#hosts
  }

  get gateways(): readonly KeptProcess[] {
    return this.#gateways
  }

  /** Who keeps the repository to try, as it was when the start was over. */
  get demoRecord(): SlotRecord | undefined {
    return this.#demoRecord
  }

  /**
   * Starts all, and waits until all repositories can be served, and the one to try is on as many hosts as it is to be.
   *
   * @throws what has kept it from that: a member that has ended, most often. Then the others end at once.
   */
  async start(): Promise<void> {
    const starting = this.#startAll()
    try {
      await Promise.race([starting, this.#died.promise])
    } catch (error) {
      this.#givingUp.abort()
      await starting.catch(() => {})
      throw error
    }
  }

  /** From now on, whatever ends is started again after a while. */
  keep(surfaces: Pick<Surfaces, 'say'>): void {
    for (const member of this.#all) void member.keep(surfaces, this.#stopping)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running.disposeAsync()
  }

  async #startAll(): Promise<void> {
    const { etcd, given } = this.#environments
    const log = this.#running.use(await openLog(this.#folder, 'etcd'))
    await this.#startGroup([
      { name: 'etcd', log, start: () => startEtcd(this.#folder, etcd, given, log, this.#ending) },
    ])
    await this.#demo.begin()
    this.#hosts = await this.#startApps('host')
    // Gateways stop before hosts, so that no request meets a host that has stopped.
    this.#gateways = await this.#startApps('gateway')
    const until = AbortSignal.any([this.#stopping, this.#givingUp.signal])
    await untilServing(this.#gateways[0]!.latest.operations!, this.#folder, until)
    this.#demoRecord = await this.#demo.untilInSync(until)
  }

  async #startApps(wanted: MemberEnvironment['kind']): Promise<KeptProcess[]> {
    const members = this.#environments.members.filter(({ kind }) => kind === wanted)
    const group = members.map(async ({ kind, name, env }) => {
      const log = this.#running.use(await openLog(this.#folder, name))
      const start = () => startApp(name, join(project, mains[kind]), env, log.handle.fd, this.#ending)
      return { name, log, start }
    })
    return await this.#startGroup(await Promise.all(group))
  }

  /** Starts some at once, which are to stop at once. */
  async #startGroup(group: readonly { name: string; log: Parameters<typeof startKept>[1]; start: Start }[]) {
    this.#stopping.throwIfAborted()
    this.#givingUp.signal.throwIfAborted()
    const members: KeptProcess[] = []
    this.#running.defer(async () => void (await Promise.all(members.map((member) => member[Symbol.asyncDispose]()))))
    const starts = group.map(async ({ name, log, start }) => {
      const member = await startKept(name, log, start)
      members.push(member)
      member.died.catch((error: unknown) => this.#died.reject(error))
      return member
    })
    for (const start of starts) start.catch((error: unknown) => this.#died.reject(error))
    await Promise.allSettled(starts)
    const started = await Promise.all(starts)
    this.#all.push(...started)
    return started
  }
}
