import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { allOf, ClusterMembers } from './cluster-members.ts'
import type { MembersOptions } from './cluster-members.ts'
import type { CutProxy } from './cut-proxy.ts'
import { temporaryFolder } from './folder.ts'
import { ask } from './http.ts'
import type { Member } from './member.ts'
import { processesWith } from './processes.ts'
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

export type ClusterOptions = MembersOptions & {
  readonly hosts: number
  readonly gateways?: number
  readonly storage?: 'shared' | 'own'
  /** Makes the disk of a host at the folder of its repositories, until the cluster has ended. With `own` storage. */
  readonly mountDisk?: ((folder: string) => Promise<AsyncDisposable>) | undefined
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
  const members = started.use(new ClusterMembers(folder, options))

  const addHost = async (env: Record<string, string> = {}) => {
    const name = `host-${++members.hostsInAll}`
    await mkdir(rootOf(name), { recursive: true })
    if (options.mountDisk) disks.use(await options.mountDisk(rootOf(name)))
    const host = await members.host(name, { SLUICE_ROOT: rootOf(name), SLUICE_STORAGE: storage, ...env })
    hosts.push(host)
    return host
  }
  const addGateway = async (env: Record<string, string> = {}) => {
    const gateway = await members.gateway(`gateway-${++members.gatewaysInAll}`, env)
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

/** Cuts, or mends, all proxies. */
export function turnAll(proxies: readonly (CutProxy | undefined)[], turn: 'cut' | 'cutOutward' | 'mend'): void {
  for (const proxy of proxies) proxy?.[turn]()
}
