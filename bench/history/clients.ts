import { setTimeout as pause } from 'node:timers/promises'
import { slotOf } from '@sluice/shared/placement/slot'
import type { Cluster } from '@sluice/shared/testing/cluster'
import type { Member } from '@sluice/shared/testing/member'
import { newCommit } from './commits.ts'
import type { Commit } from './commits.ts'
import { push, readRefs } from './git-requests.ts'
import type { Pushed } from './git-requests.ts'
import type { History } from './history.ts'
import type { Primaries } from './primaries.ts'
import { oneOf } from './random.ts'

const betweenMs = 40

/** Half of all reads are of as many that were pushed to last: in a long run, there are hundreds of others. */
const mostRecent = 4

type Pushing = {
  /** The host that is pushed to, past the gateways. */
  readonly direct?: { readonly host: string; readonly slot: number }
  readonly patienceFor?: number | undefined
}

/** A gateway, or a host. */
export type Server = { readonly by: string; readonly address: string }

/** Clients of a cluster, at work until the signal is aborted. */
export class Clients {
  readonly #cluster: Cluster
  readonly #history: History
  readonly #random: () => number
  readonly #over: AbortSignal
  readonly #primaries: Primaries
  /** By repository: the references that anybody has pushed to. The last push's is at the end. */
  readonly #refs = new Map<string, Set<string>>()
  #made = 0

  constructor(cluster: Cluster, primaries: Primaries, history: History, random: () => number, over: AbortSignal) {
    this.#cluster = cluster
    this.#primaries = primaries
    this.#history = history
    this.#random = random
    this.#over = over
  }

  /** Those that anybody has pushed to, the last one at the end. */
  get repositories(): string[] {
    return [...this.#refs.keys()]
  }

  get isOver(): boolean {
    return this.#over.aborted
  }

  /**
   * Pushes to one reference, through any gateway. Others may push to it, too.
   *
   * @param patienceFor after how many milliseconds without a word it leaves a push, and begins the next one
   */
  async pushThroughGateways(repository: string, ref: string, patienceFor?: number): Promise<void> {
    while (!this.#over.aborted) await this.#pushOnce(repository, ref, this.gateway(), { patienceFor })
  }

  /** Pushes to new repositories, each a few times. They come ever more slowly: some 400 in an hour. */
  async create(name: string): Promise<void> {
    for (let index = 0; !this.#over.aborted; index++) {
      await pause(betweenMs * this.#refs.size, undefined, { signal: this.#over }).catch(() => {})
      for (let turn = 0; turn < 3 && !this.#over.aborted; turn++) {
        await this.#pushOnce(`${name}-${index}.git`, 'refs/heads/main', this.gateway())
      }
    }
  }

  /** Pushes to the host that etcd names, past the gateways: what it says is its own word. */
  async pushToPrimary(repository: string, ref: string, patienceFor?: number): Promise<void> {
    const slot = slotOf(repository)
    while (!this.#over.aborted) {
      const host = this.#cluster.hosts.find(({ name }) => name === this.#primaries.of(slot))
      if (!host) await pause(betweenMs)
      else await this.#pushOnce(repository, ref, host.app.address, { direct: { host: host.name, slot }, patienceFor })
    }
  }

  /** Reads references, from hosts as well as through gateways: hosts say themselves whether they may be read from. */
  async read(share = 0.5): Promise<void> {
    while (!this.#over.aborted) {
      const { repositories } = this
      if (this.#random() < 0.5) repositories.splice(0, repositories.length - mostRecent)
      if (repositories.length > 0) await this.readRepository(oneOf(this.#random, repositories), this.#anybody(share))
      await pause(betweenMs)
    }
  }

  /** Reads all references, and notes those that anybody has pushed to. @returns undefined where nobody could say */
  async readRepository(
    repository: string,
    { by, address }: Server,
    isLast = false,
  ): Promise<ReadonlyMap<string, string> | undefined> {
    const began = performance.now()
    // Gateways spread reads over the copies by the client's address.
    const client = `127.0.0.${1 + Math.floor(this.#random() * 250)}`
    const known = [...(this.#refs.get(repository) ?? [])]
    const refs = await readRefs(address, repository, this.#random() < 0.5 ? 0 : 2, client)
    if (!refs) return undefined
    const ended = performance.now()
    for (const ref of known) {
      this.#history.read({ place: placeOf(repository, ref), by, found: refs.get(ref), began, ended, isLast })
    }
    return refs
  }

  async #pushOnce(
    repository: string,
    ref: string,
    address: string,
    { direct, patienceFor }: Pushing = {},
  ): Promise<void> {
    await pause(betweenMs * this.#random())
    const refs = await this.readRepository(repository, direct ? { by: direct.host, address } : this.#gateway())
    if (!refs) return
    const commit = this.newCommit(repository, ref, refs.get(ref))
    this.#history.made(commit.id, commit.parent)
    const { began, ended, outcomes } = await this.write(
      [{ repository, ref, version: commit.id }],
      !direct && patienceFor === undefined,
      async () => [await push(address, repository, ref, commit, patienceFor)],
    )
    if (direct && outcomes[0]?.outcome === 'acknowledged') {
      this.#history.claimed({ ...direct, what: `acknowledged ${commit.id}`, began, ended })
    }
  }

  /** Those that push may have no two commits that are the same. */
  newCommit(repository: string, ref: string, parent: string | undefined): Commit {
    const number = ++this.#made
    return newCommit(parent, `push ${number} to ${placeOf(repository, ref)}`, 1_700_000_000 + number)
  }

  /** References as a gateway shows them. Undefined: nobody could say. */
  async refsOf(repository: string): Promise<ReadonlyMap<string, string> | undefined> {
    await pause(betweenMs * this.#random())
    return await this.readRepository(repository, this.#gateway())
  }

  /** Notes a change of references, and what has become of it. */
  async write(
    changes: readonly { readonly repository: string; readonly ref: string; readonly version: string }[],
    isHeld: boolean,
    act: () => Promise<readonly Pushed[]>,
  ) {
    for (const { repository, ref } of changes) {
      const refs = this.#refs.get(repository) ?? new Set()
      this.#refs.delete(repository)
      this.#refs.set(repository, refs.add(ref))
    }
    const began = performance.now()
    const outcomes = await act()
    const ended = performance.now()
    for (const [at, { repository, ref, version }] of changes.entries()) {
      this.#history.pushed({ place: placeOf(repository, ref), version, isHeld, began, ended, ...outcomes[at]! })
    }
    return { began, ended, outcomes }
  }

  /** The address of any. */
  gateway(): string {
    return this.#gateway().address
  }

  #gateway(): Server {
    return serverOf(oneOf(this.#random, this.#cluster.gateways))
  }

  /** @param share of hosts, from 0 to 1 */
  #anybody(share: number): Server {
    const { gateways, hosts } = this.#cluster
    return serverOf(oneOf(this.#random, this.#random() < share ? hosts : gateways))
  }
}

export function serverOf({ name, app }: Member): Server {
  return { by: name, address: app.address }
}

/** One reference of all. */
export function placeOf(repository: string, ref: string): string {
  return `${repository} ${ref}`
}
