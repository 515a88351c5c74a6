import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogLine } from './app.ts'
import { openCutProxy } from './cut-proxy.ts'
import type { CutProxy } from './cut-proxy.ts'
import { temporaryFolder } from './folder.ts'
import { freePort } from './free-port.ts'
import { ask } from './http.ts'
import { startMember } from './member.ts'
import type { Member } from './member.ts'
import { processesWith } from './processes.ts'
import { settingsIn } from './stack.ts'
import { until } from './until.ts'

export type Cluster = AsyncDisposable & {
  /** The folder of this cluster. Tests may put clones into it. */
  readonly folder: string
  /** `host-1`, `host-2` … in the order of their start. */
  readonly hosts: readonly Member[]
  readonly gateways: readonly Member[]
  /** The first gateway's: http://127.0.0.1:port */
  readonly url: string
  /** Where a host has its repositories: the same folder for all with shared storage. */
  rootOf(host: string): string
  addHost(env?: Record<string, string>): Promise<Member>
  addGateway(env?: Record<string, string>): Promise<Member>
  /** Waits until each gateway that runs can serve all repositories. */
  ready(): Promise<void>
  /** The pids of all live processes that git requests of this cluster have started. */
  gitProcesses(): Promise<number[]>
}

export type ClusterOptions = {
  /** What etcd's clients need: `SLUICE_ETCD`, and what it takes to log in. */
  readonly etcd: Readonly<Record<string, string>>
  readonly hosts: number
  readonly gateways?: number
  readonly storage?: 'shared' | 'own'
  /** Puts proxies between the members, and between them and etcd, which can be cut. */
  readonly cuts?: boolean
  readonly env?: Record<string, string>
  /** More variables, of one member. */
  readonly envOf?: (member: string) => Record<string, string>
  /** Makes the disk of a host at the folder of its repositories, until the cluster has ended. With `own` storage. */
  readonly mountDisk?: ((folder: string) => Promise<AsyncDisposable>) | undefined
  /** Takes what members log, of all their processes. Nobody else sees it then. */
  readonly takeLine?: (member: string, line: LogLine) => void
}

/** Starts hosts and gateways as processes, each on ports of its own, and waits until all repositories can be served. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { hosts: hostCount, gateways: gatewayCount = 1, storage = 'shared' } = options
  await using started = new AsyncDisposableStack()
  const folder = started.use(await temporaryFolder()).path
  const rootOf = (host: string) => join(folder, storage === 'shared' ? 'repos' : `${host}-repos`)
  const hosts: Member[] = []
  const gateways: Member[] = []
  const disks = started.use(new AsyncDisposableStack())
  const parts = new Parts(folder, options)
  started.use(parts)

  const addHost = async (env: Record<string, string> = {}) => {
    const name = `host-${++parts.hostsInAll}`
    await mkdir(rootOf(name), { recursive: true })
    if (options.mountDisk) disks.use(await options.mountDisk(rootOf(name)))
    const host = await parts.host(name, { SLUICE_ROOT: rootOf(name), SLUICE_STORAGE: storage, ...env })
    hosts.push(host)
    return host
  }
  const addGateway = async (env: Record<string, string> = {}) => {
    const gateway = await parts.gateway(`gateway-${++parts.gatewaysInAll}`, env)
    gateways.push(gateway)
    return gateway
  }
  await allOf(Array.from({ length: hostCount }, () => addHost()))
  hosts.sort((one, other) => one.name.localeCompare(other.name))
  await allOf(Array.from({ length: gatewayCount }, () => addGateway()))
  const ready = async () => void (await Promise.all(gateways.map(servesAll)))
  await ready()
  const ends = started.move()
  return {
    folder,
    hosts,
    gateways,
    url: `http://${gateways[0]?.app.address}`,
    rootOf,
    addHost,
    addGateway,
    ready,
    gitProcesses: () =>
      processesWith(
        `:${folder}\0`,
        [...hosts, ...gateways].map(({ app }) => app.pid),
      ),
    [Symbol.asyncDispose]: () => ends.disposeAsync(),
  }
}

async function servesAll({ name, app }: Member): Promise<void> {
  await until(`${name} to serve all repositories`, async () => {
    const reply = await ask(app.operations, '/readyz')
    const { checks } = JSON.parse(reply.body) as { checks: Record<string, string> }
    return reply.status === 200 && checks['host'] === 'ok'
  })
}

/** Starts members, and ends them: gateways first, then all hosts at once, then the proxies. */
class Parts implements AsyncDisposable {
  hostsInAll = 0
  gatewaysInAll = 0
  readonly #folder: string
  readonly #options: ClusterOptions
  readonly #hosts: AsyncDisposable[] = []
  readonly #gateways: AsyncDisposable[] = []
  readonly #proxies = new AsyncDisposableStack()

  constructor(folder: string, options: ClusterOptions) {
    this.#folder = folder
    this.#options = options
  }

  async host(name: string, own: Record<string, string>): Promise<Member> {
    const toHost = this.#options.cuts ? this.#proxies.use(await openCutProxy()) : undefined
    const listen = `127.0.0.1:${await freePort()}`
    const toEtcd = await this.#waysToEtcd()
    const env = {
      ...this.#settings(toEtcd),
      SLUICE_SUPERVISOR: listen,
      SLUICE_HOST_NAME: name,
      SLUICE_HOST_ADDRESS: toHost?.address ?? listen,
      SLUICE_RUN_FOLDER: join(this.#folder, `${name}-run`),
      ...this.#options.env,
      ...this.#options.envOf?.(name),
      ...own,
    }
    const host = await startMember({ kind: 'supervisor', name, env, toEtcd, toHost, take: this.#takeOf(name) })
    this.#hosts.push(host)
    return host
  }

  async gateway(name: string, own: Record<string, string>): Promise<Member> {
    const toEtcd = await this.#waysToEtcd()
    // It comes back to the same address.
    const listen = { SLUICE_LISTEN: `127.0.0.1:${await freePort()}` }
    const env = { ...this.#settings(toEtcd), ...listen, ...this.#options.env, ...this.#options.envOf?.(name), ...own }
    const gateway = await startMember({
      kind: 'gateway',
      name,
      env,
      toEtcd,
      toHost: undefined,
      take: this.#takeOf(name),
    })
    this.#gateways.push(gateway)
    return gateway
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using _proxies = this.#proxies
    try {
      await disposeAll(this.#gateways)
    } finally {
      await disposeAll(this.#hosts)
    }
  }

  #takeOf(name: string): ((line: LogLine) => void) | undefined {
    const { takeLine } = this.#options
    return takeLine && ((line) => takeLine(name, line))
  }

  async #waysToEtcd(): Promise<CutProxy[]> {
    if (!this.#options.cuts) return []
    const ways = endpointsIn(this.#options.etcd).map(async (endpoint) => {
      const proxy = this.#proxies.use(await openCutProxy())
      proxy.leadTo(new URL(endpoint).host)
      return proxy
    })
    return await Promise.all(ways)
  }

  #settings(toEtcd: readonly CutProxy[]): Record<string, string> {
    const throughProxies = endpointsIn(this.#options.etcd).map((endpoint, index) => {
      const proxy = toEtcd[index]
      return proxy ? `${new URL(endpoint).protocol}//${proxy.address}` : endpoint
    })
    return {
      ...settingsIn(this.#folder),
      SLUICE_CLUSTER: 'etcd',
      ...this.#options.etcd,
      SLUICE_ETCD: throughProxies.join(','),
    }
  }
}

function endpointsIn(etcd: Readonly<Record<string, string>>): string[] {
  return (etcd['SLUICE_ETCD'] ?? '').split(',')
}

async function disposeAll(members: readonly AsyncDisposable[]): Promise<void> {
  await allOf(members.map((member) => member[Symbol.asyncDispose]()))
}

/** Fails with the first failure, once none is under way any more. */
async function allOf(promises: readonly PromiseLike<unknown>[]): Promise<void> {
  const ended = await Promise.allSettled(promises)
  for (const end of ended) if (end.status === 'rejected') throw end.reason
}

/** Cuts, or mends, all proxies. */
export function turnAll(proxies: readonly (CutProxy | undefined)[], turn: 'cut' | 'cutOutward' | 'mend'): void {
  for (const proxy of proxies) proxy?.[turn]()
}
