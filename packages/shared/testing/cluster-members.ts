import { join } from 'node:path'
import type { LogLine } from './app.ts'
import { openCutProxy } from './cut-proxy.ts'
import type { CutProxy } from './cut-proxy.ts'
import { freePort } from './free-port.ts'
import { startMember } from './member.ts'
import type { Member } from './member.ts'
import { settingsIn } from './stack.ts'

export type MembersOptions = {
  /** What etcd's clients need: `SLUICE_ETCD`, and what it takes to log in. */
  readonly etcd: Readonly<Record<string, string>>
  /** Puts proxies between the members, and between them and etcd, which can be cut. */
  readonly cuts?: boolean
  readonly env?: Record<string, string>
  /** More variables, of one member. */
  readonly envOf?: (member: string) => Record<string, string>
  /** Takes what members log, of all their processes. Nobody else sees it then. */
  readonly takeLine?: (member: string, line: LogLine) => void
}

/** Starts members, and ends them: gateways first, then all hosts at once, then the proxies. */
export class ClusterMembers implements AsyncDisposable {
  hostsInAll = 0
  gatewaysInAll = 0
  readonly #folder: string
  readonly #options: MembersOptions
  readonly #hosts: AsyncDisposable[] = []
  readonly #gateways: AsyncDisposable[] = []
  readonly #proxies = new AsyncDisposableStack()

  constructor(folder: string, options: MembersOptions) {
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
export async function allOf(promises: readonly PromiseLike<unknown>[]): Promise<void> {
  const ended = await Promise.allSettled(promises)
  for (const end of ended) if (end.status === 'rejected') throw end.reason
}
