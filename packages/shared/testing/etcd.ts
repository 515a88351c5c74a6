import { execFile, spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { etcdCertificates, etcdctlTlsFlags, etcdTlsEnv, etcdTlsFlags } from './etcd-certificates.ts'
import type { EtcdCertificates } from './etcd-certificates.ts'
import { addEtcdUsers, etcdUserEnv } from './etcd-users.ts'
import { temporaryFolder } from './folder.ts'
import { freePort } from './free-port.ts'
import { until } from './until.ts'

/** Why tests with etcd cannot run here; undefined if they can. */
export const noEtcd = ['etcd', 'etcdctl'].every((program) => spawnSync(program, ['--help']).status === 0)
  ? undefined
  : 'etcd and etcdctl are not installed (Debian: etcd-server, etcd-client)'

export type EtcdOptions = {
  /** How many; 1 unless given. */
  readonly members?: number
  /** Members show a certificate, and ask for one. */
  readonly tls?: boolean
  /** There are users. `sluice` may read and write below `/sluice/` only. */
  readonly auth?: boolean
  /** Members listen on all addresses, for what is in other network namespaces. */
  readonly everywhere?: boolean
  /** More flags for each member. */
  readonly flags?: readonly string[]
}

/** An etcd of its own, in a temporary folder, on free ports of 127.0.0.1. */
export type Etcd = AsyncDisposable & {
  readonly members: readonly EtcdMember[]
  /** The settings that lead to it, as variables. */
  readonly env: Readonly<Record<string, string>>
  /** Runs `etcdctl` as the one who may do everything. @returns its output */
  ctl(...args: readonly string[]): Promise<string>
}

export type EtcdMember = {
  readonly endpoint: string
  readonly pid: number
  /** SIGKILL. */
  kill(): Promise<void>
  /** Starts it again, with its data and ports, after it was killed. */
  start(): Promise<void>
  /** SIGSTOP. */
  pause(): void
  /** SIGCONT. */
  resume(): void
}

const run = promisify(execFile)
const mostTries = 3

/** Starts etcd, and waits until it serves. Tests that need it are skipped with `noEtcd`. */
export async function startEtcd(options: EtcdOptions = {}): Promise<Etcd> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryToStart(options)
    } catch (error) {
      // Somebody else may have taken a port meanwhile.
      if (attempt === mostTries) throw error
    }
  }
}

async function tryToStart(options: EtcdOptions): Promise<Etcd> {
  await using opened = new AsyncDisposableStack()
  const { path: folder } = opened.use(await temporaryFolder())
  const tls = options.tls ? await etcdCertificates(folder) : undefined
  const addresses = await freeAddresses(options.members ?? 1)
  const token = randomUUID()
  const members = addresses.map((_, index) => {
    const endpoint = endpointOf(addresses[index]!, tls)
    const bound = options.everywhere ? endpoint.replace('127.0.0.1', '0.0.0.0') : endpoint
    const listening = [`--listen-client-urls=${bound}`, `--advertise-client-urls=${endpoint}`]
    const secured = tls ? etcdTlsFlags(tls, options.auth === true) : []
    const flags = [...memberFlags(addresses, index, token, folder), ...listening, ...secured, ...(options.flags ?? [])]
    return opened.use(new Member(endpoint, flags, join(folder, `m${index}.log`)))
  })
  await Promise.all(members.map((member) => member.start()))
  const endpoints = members.map(({ endpoint }) => endpoint).join(',')
  const asRoot: string[] = []
  const ctl = async (...args: readonly string[]) => {
    const patience = ['--dial-timeout', '60s', '--command-timeout', '60s']
    const flags = ['--endpoints', endpoints, ...patience, ...(tls ? etcdctlTlsFlags(tls) : []), ...asRoot, ...args]
    return (await run('etcdctl', flags, { env: { PATH: process.env['PATH'], ETCDCTL_API: '3' } })).stdout
  }
  await until('etcd serves', async () => isServing(ctl, members))
  if (options.auth) asRoot.push(...(await addEtcdUsers(ctl)))
  const asUser = options.auth ? await etcdUserEnv(folder) : {}
  const env = { SLUICE_CLUSTER: 'etcd', SLUICE_ETCD: endpoints, ...(tls && etcdTlsEnv(tls)), ...asUser }
  const parts = opened.move()
  return { members, env, ctl, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

type Ctl = Etcd['ctl']

async function isServing(ctl: Ctl, members: readonly Member[]): Promise<boolean> {
  for (const member of members) await member.throwIfEnded()
  return await ctl('endpoint', 'health').then(
    () => true,
    () => false,
  )
}

class Member implements EtcdMember, AsyncDisposable {
  readonly endpoint: string
  readonly #flags: readonly string[]
  readonly #log: string
  #process: ChildProcess | undefined

  constructor(endpoint: string, flags: readonly string[], log: string) {
    this.endpoint = endpoint
    this.#flags = flags
    this.#log = log
  }

  get pid(): number {
    return this.#process!.pid!
  }

  async start(): Promise<void> {
    await using log = await open(this.#log, 'a')
    this.#process = spawn('etcd', this.#flags, {
      stdio: ['ignore', log.fd, log.fd],
      env: { PATH: process.env['PATH'] },
    })
    await once(this.#process, 'spawn')
  }

  async throwIfEnded(): Promise<void> {
    if (!this.#hasEnded) return
    throw new Error(`etcd has ended:\n${(await readFile(this.#log, 'utf8')).slice(-2000)}`)
  }

  get #hasEnded(): boolean {
    return !this.#process || this.#process.exitCode !== null || this.#process.signalCode !== null
  }

  async kill(): Promise<void> {
    if (this.#hasEnded) return
    const exit = once(this.#process!, 'exit')
    this.#process!.kill('SIGKILL')
    await exit
  }

  pause(): void {
    this.#process!.kill('SIGSTOP')
  }

  resume(): void {
    this.#process!.kill('SIGCONT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}

type Address = { readonly client: number; readonly peer: number }

async function freeAddresses(count: number): Promise<Address[]> {
  const ports = new Set<number>()
  while (ports.size < 2 * count) ports.add(await freePort())
  const all = [...ports]
  return Array.from({ length: count }, (_, index) => ({ client: all[2 * index]!, peer: all[2 * index + 1]! }))
}

function memberFlags(addresses: readonly Address[], index: number, token: string, folder: string): string[] {
  const peerOf = ({ peer }: Address) => `http://127.0.0.1:${peer}`
  const { peer } = addresses[index]!
  // One member has nobody to hear from, and need not wait.
  const ticks = addresses.length === 1 ? ['--heartbeat-interval=10', '--election-timeout=100'] : []
  return [
    `--name=m${index}`,
    `--data-dir=${join(folder, `m${index}`)}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-advertise-peer-urls=${peerOf(addresses[index]!)}`,
    `--initial-cluster=${addresses.map((address, at) => `m${at}=${peerOf(address)}`).join(',')}`,
    `--initial-cluster-token=${token}`,
    ...ticks,
  ]
}

function endpointOf({ client }: Address, tls: EtcdCertificates | undefined): string {
  return `${tls ? 'https' : 'http'}://127.0.0.1:${client}`
}
