import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { ClusterStatus } from '@sluice/shared/placement/cluster-status'
import { startCluster } from '@sluice/shared/testing/cluster'
import type { Cluster } from '@sluice/shared/testing/cluster'
import { noEtcd, startEtcd } from '@sluice/shared/testing/etcd'
import type { Etcd } from '@sluice/shared/testing/etcd'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import type { Member } from '@sluice/shared/testing/member'
import { until } from '@sluice/shared/testing/until'

/** A whole cluster on one shared folder, while hosts come and go and etcd fails. */

const repositories = ['a', 'b', 'c', 'd', 'e', 'f']

describe('a cluster under polls, clones and pushes', { skip: noEtcd ?? false }, () => {
  let etcd: Etcd
  let cluster: Cluster

  before(async () => {
    etcd = await startEtcd({ members: 3 })
    cluster = await startCluster({ etcd: etcd.env, hosts: 2, env: { SLUICE_LEASE: '4s', SLUICE_HOST_WAIT: '2m' } })
    for (const name of repositories) {
      const path = join(cluster.rootOf('host-1'), `${name}.git`)
      await git(cluster.folder, ['init', '--quiet', '--bare', path])
      await importHistory(path, 3)
    }
    await mkdir(join(cluster.folder, 'clones'))
    await git(cluster.folder, ['clone', '--quiet', `${cluster.url}/a.git`, 'work'])
  })
  after(async () => {
    await cluster?.[Symbol.asyncDispose]()
    await etcd?.[Symbol.asyncDispose]()
  })

  const status = async (member: Member) =>
    JSON.parse((await ask(member.app.operations, '/-/cluster.json')).body) as ClusterStatus
  /** Waits until each of these hosts has its share, and nothing moves. */
  const evenAmong = async (names: readonly string[]) =>
    until(`slots to be even among ${names.join(', ')}`, async () => {
      const { hosts, slots } = await status(cluster.gateways[0]!)
      const shares = hosts.filter(({ name }) => names.includes(name)).map(({ primaryOf }) => primaryOf)
      const fair = 4096 / names.length
      return (
        slots.counts.kept === 4096 && shares.length === names.length && shares.every((n) => Math.abs(n - fair) <= 1)
      )
    })
  const load = () => new Load(cluster)

  test('no request fails while a host is added, drained and started again', async () => {
    await using underWay = load()
    const third = await cluster.addHost()
    await evenAmong(['host-1', 'host-2', 'host-3'])
    await third.stop()
    await evenAmong(['host-1', 'host-2'])
    await third.start()
    await evenAmong(['host-1', 'host-2', 'host-3'])
    const { done, failures } = await underWay.end()
    assert.deepEqual(failures, [])
    for (const kind of ['poll', 'clone', 'push'] as const) assert.ok(done[kind] > 0, `${kind}: ${done[kind]}`)
  })

  test('when a host is killed, only what it was answering fails, and pushes go on', async () => {
    await using underWay = load()
    await underWay.hasDoneSome()
    const [, victim] = cluster.hosts
    await victim!.kill()
    await evenAmong(['host-1', 'host-3'])
    await underWay.hasDoneSome()
    const { failures } = await underWay.end()
    assert.ok(failures.length <= lanes, failures.join('\n'))
    const { stdout } = await tryGit(join(cluster.folder, 'work'), ['ls-remote', 'origin'])
    assert.ok(stdout.includes(underWay.lastPushed!), 'the last push that was acknowledged is there')
    await victim!.start()
    await cluster.ready()
  })

  test('when one of three members of etcd is killed, nobody notices', async () => {
    await using underWay = load()
    await underWay.hasDoneSome()
    await etcd.members[0]!.kill()
    await underWay.hasDoneSome()
    const { failures } = await underWay.end()
    assert.deepEqual(failures, [])
    await etcd.members[0]!.start()
  })

  test('without etcd pushes stop by the hosts’ own clocks, and come back by themselves', async () => {
    await evenAmong(['host-1', 'host-2', 'host-3'])
    for (const member of etcd.members) await member.kill()
    const gateway = cluster.gateways[0]!
    await until('the leases to be over', async () => {
      const metrics = await Promise.all(cluster.hosts.map(({ app }) => ask(app.operations, '/metrics')))
      return metrics.every(({ body }) => /^sluice_cluster_lease_live\{.*\} 0$/m.test(body))
    })
    assert.equal((await status(gateway)).slots.counts.kept, 4096)
    const read = await ask(gateway.app.address, '/a.git/info/refs?service=git-upload-pack')
    assert.equal(read.status, 200)
    for (const member of etcd.members) await member.start()
    await cluster.ready()
    const work = join(cluster.folder, 'work')
    await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'After etcd'])
    await git(work, ['push', '--quiet', 'origin', 'HEAD'])
  })
})

/** How many requests are under way at once, at most. */
const lanes = 4
/**
 * Clients that never rest would take the machine from the members that are to move slots. So they rest for as long as their
 * request took, and at least for so long.
 */
const leastRestMs = 40

/** Two lanes of polls, one of clones, one of pushes, until it is ended. */
class Load implements AsyncDisposable {
  readonly done = { poll: 0, clone: 0, push: 0 }
  readonly failures: string[] = []
  lastPushed: string | undefined
  readonly #cluster: Cluster
  readonly #over = new AbortController()
  readonly #lanes: Promise<unknown>

  constructor(cluster: Cluster) {
    this.#cluster = cluster
    const work = [
      this.#repeat('poll', (turn) => this.#poll(turn)),
      this.#repeat('poll', (turn) => this.#poll(turn + 3)),
      this.#repeat('clone', (turn) => this.#clone(turn)),
      this.#repeat('push', () => this.#push()),
    ]
    this.#lanes = Promise.all(work)
  }

  async end() {
    this.#over.abort()
    await this.#lanes
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end()
  }

  /** Waits until each kind has been done, from now on. */
  async hasDoneSome(): Promise<void> {
    const earlier = { ...this.done }
    await until('requests of each kind', () =>
      (['poll', 'clone', 'push'] as const).every((kind) => this.done[kind] > earlier[kind]),
    )
  }

  async #repeat(kind: keyof Load['done'], once: (turn: number) => Promise<string | undefined>): Promise<void> {
    for (let turn = 0; !this.#over.signal.aborted; turn++) {
      const began = performance.now()
      const failure = await once(turn).catch((error: unknown) => String(error))
      if (failure === undefined) this.done[kind]++
      else this.failures.push(`${kind}: ${failure}`)
      await pause(Math.max(leastRestMs, performance.now() - began), undefined, { signal: this.#over.signal }).catch(
        () => {},
      )
    }
  }

  async #poll(turn: number): Promise<string | undefined> {
    const name = repositories[turn % repositories.length]
    const path = `/${name}.git/info/refs?service=git-upload-pack`
    const { status, body } = await ask(this.#cluster.gateways[0]!.app.address, path)
    return status === 200 ? undefined : `${status} ${body}`
  }

  async #clone(turn: number): Promise<string | undefined> {
    const name = repositories[turn % repositories.length]
    const to = join(this.#cluster.folder, 'clones', `${name}-${process.hrtime.bigint()}`)
    return failureOf(await tryGit(this.#cluster.folder, ['clone', '--quiet', `${this.#cluster.url}/${name}.git`, to]))
  }

  async #push(): Promise<string | undefined> {
    const work = join(this.#cluster.folder, 'work')
    await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'More'])
    const failure = failureOf(await tryGit(work, ['push', '--quiet', 'origin', 'HEAD']))
    if (failure === undefined) this.lastPushed = await git(work, ['rev-parse', 'HEAD'])
    return failure
  }
}

function failureOf({ code, stderr }: { code: number | null; stderr: string }): string | undefined {
  return code === 0 ? undefined : stderr
}
