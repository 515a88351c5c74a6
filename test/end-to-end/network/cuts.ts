import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { secretHeader } from '@sluice/shared/host-protocol/headers'
import type { ClusterStatus } from '@sluice/shared/placement/cluster-status'
import { slotOf } from '@sluice/shared/placement/slot'
import { startEtcd } from '@sluice/shared/testing/etcd'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, tryGit } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import { startMember } from '@sluice/shared/testing/member'
import type { Member } from '@sluice/shared/testing/member'
import { openBridge, openNamespace, servedAddress } from '@sluice/shared/testing/network-namespace'
import type { Namespace } from '@sluice/shared/testing/network-namespace'
import { settingsIn } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/**
 * A cluster of which each member has a network of its own, while packets between two of them are dropped: no connection ends,
 * and nobody is told. Run by network-namespaces.test.ts, in a namespace of its own.
 */

describe('a cluster whose packets are dropped', () => {
  const parts = new AsyncDisposableStack()
  let cluster: Awaited<ReturnType<typeof start>>

  before(async () => {
    cluster = await start(parts)
  })
  after(() => parts.disposeAsync())

  test('a host that is cut off from gateways keeps its slots, and pushes to it wait and say why', async () => {
    const { first, second, gateway, push, tryPush } = cluster
    const repository = await cluster.repositoryOf(first)
    const elsewhere = await cluster.repositoryOf(second)
    first.network.cutFrom(gateway.network.address)
    const { code, stderr } = await tryPush(repository)
    assert.notEqual(code, 0)
    assert.match(stderr, /503/)
    await push(elsewhere)
    assert.ok(await isPrimary(second, elsewhere))
    assert.ok(await isPrimary(first, repository))
    first.network.mend()
    await until('pushes to it to go on', async () => (await tryPush(repository)).code === 0)
    cluster.nothingTwice()
  })

  test('a gateway that is cut off from etcd serves by its last table', async () => {
    const { first, second, gateway, push } = cluster
    const repositories = [await cluster.repositoryOf(first), await cluster.repositoryOf(second)]
    gateway.network.cutFrom(servedAddress)
    const says = () => ask(gateway.member.app.operations, '/readyz')
    await until('it to notice', async () => /etcd has not answered/.test((await says()).body))
    for (const repository of repositories) await push(repository)
    assert.equal((await says()).status, 200)
    gateway.network.mend()
    await until('it to reach etcd again', async () => !/etcd has not answered/.test((await says()).body))
    for (const repository of repositories) await push(repository)
    cluster.nothingTwice()
  })

  // The last one: a host whose lease has ended gets slots again only after half a minute.
  test('a host that is cut off from etcd has stopped before another one takes over', async () => {
    const { first, second, push, beginPushAt } = cluster
    const repository = await cluster.repositoryOf(first)
    await push(repository)
    assert.equal((await beginPushAt(first, repository)).status, 200)
    first.network.cutFrom(servedAddress)
    // The other host knows it from etcd first, so the lease of the first one must be over by its own clock.
    await until('the other host to take over', () => isPrimary(second, repository))
    assert.equal(await leaseIsLive(first), false)
    const { status } = await beginPushAt(first, repository)
    assert.ok([421, 503].includes(status), String(status))
    await push(repository)
    const { body } = await ask(first.member.app.operations, '/-/cluster.json')
    assert.ok((JSON.parse(body) as ClusterStatus).awayForMs > 0)
    first.network.mend()
    await until('its lease to be live again', () => leaseIsLive(first))
    await push(repository)
    cluster.nothingTwice()
  })
})

type Machine = { readonly member: Member; readonly network: Namespace }

/** Two hosts on one folder and a gateway, each in a namespace of its own. */
async function start(parts: AsyncDisposableStack) {
  openBridge()
  const folder = parts.use(await temporaryFolder()).path
  const etcd = parts.use(await startEtcd({ everywhere: true }))
  const repos = join(folder, 'repos')
  await mkdir(repos)
  const secret = join(folder, 'secret')
  const word = randomBytes(32).toString('hex')
  await writeFile(secret, word, { mode: 0o600 })
  const common = {
    ...settingsIn(folder),
    ...etcd.env,
    SLUICE_ETCD: etcd.env['SLUICE_ETCD']!.replace('127.0.0.1', servedAddress),
    SLUICE_HOST_SECRET_FILE: secret,
  }
  const machine = async (kind: 'gateway' | 'supervisor', name: string, number: number): Promise<Machine> => {
    const network = parts.use(await openNamespace(number))
    const { address, within } = network
    const own = kind === 'gateway' ? gatewayAt(address) : hostAt(address, name, folder)
    const options = { kind, name, env: { ...common, ...own }, toEtcd: [], toHost: undefined, within }
    return { member: parts.use(await startMember(options)), network }
  }
  const first = await machine('supervisor', 'host-1', 2)
  const second = await machine('supervisor', 'host-2', 3)
  const gateway = await machine('gateway', 'gateway-1', 4)
  await until('both hosts to have slots', async () => {
    const { hosts, slots } = await statusOf(gateway)
    return slots.counts.kept === 4096 && hosts.length === 2 && hosts.every(({ primaryOf }) => primaryOf > 1000)
  })
  await git(folder, ['init', '--quiet', 'work'])
  const work = join(folder, 'work')

  /** Pushes a commit of its own to a branch of its own. */
  const tryPush = async (repository: string) => {
    await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'More'])
    const commit = await git(work, ['rev-parse', 'HEAD'])
    const url = `http://${gateway.member.app.address}/${repository}.git`
    return { commit, ...(await tryGit(work, ['push', '--quiet', url, `HEAD:refs/heads/at-${commit}`])) }
  }
  const push = async (repository: string) => {
    const { commit, code, stderr } = await tryPush(repository)
    assert.equal(code, 0, stderr)
    // What was acknowledged is there.
    const path = join(repos, `${repository}.git`)
    assert.equal(await git(path, ['rev-parse', `refs/heads/at-${commit}`]), commit)
  }
  const repositoryOf = async (host: Machine) => {
    const names = Array.from({ length: 64 }, (_, number) => `r${number}`)
    for (const name of names) if (await isPrimary(host, name)) return name
    throw new Error(`${host.member.name} is the primary of none.`)
  }
  /** Each push has been accepted by one host at most. */
  const nothingTwice = () => {
    const accepted = [first, second].map(({ member }) =>
      member.app.lines
        .filter(({ service, kind, outcome }) => service === 'receive-pack' && kind === 'rpc' && outcome === 'completed')
        .map(({ requestId }) => requestId),
    )
    assert.ok(accepted.flat().length > 0)
    assert.equal(new Set(accepted.flat()).size, accepted.flat().length)
  }
  /** Asks a host as a gateway does that has an old table. */
  const beginPushAt = ({ member }: Machine, repository: string) =>
    ask(member.app.address, `/${repository}.git/info/refs?service=git-receive-pack`, {
      headers: { [secretHeader]: word },
    })
  return { first, second, gateway, push, tryPush, beginPushAt, repositoryOf, nothingTwice }
}

function gatewayAt(address: string): Record<string, string> {
  return {
    SLUICE_LISTEN: `${address}:8080`,
    SLUICE_GATEWAY_OPERATIONS: `${address}:9080`,
    SLUICE_OPEN_TO_NETWORK: 'everyone on this network may read and push',
    SLUICE_HOST_WAIT: '8s',
  }
}

function hostAt(address: string, name: string, folder: string): Record<string, string> {
  return {
    SLUICE_SUPERVISOR: `${address}:9090`,
    SLUICE_HOST_ADDRESS: `${address}:9090`,
    SLUICE_SUPERVISOR_OPERATIONS: `${address}:9081`,
    SLUICE_HOST_NAME: name,
    SLUICE_STORAGE: 'shared',
    SLUICE_ROOT: join(folder, 'repos'),
    SLUICE_RUN_FOLDER: join(folder, `${name}-run`),
    SLUICE_LEASE: '6s',
  }
}

async function statusOf({ member }: Machine): Promise<ClusterStatus> {
  return JSON.parse((await ask(member.app.operations, '/-/cluster.json')).body) as ClusterStatus
}

/** Whether a host is the primary of a repository, as it knows itself. */
async function isPrimary(host: Machine, repository: string): Promise<boolean> {
  const { hosts, slots } = await statusOf(host)
  return hosts[slots.primaries[slotOf(repository)]!]?.name === host.member.name
}

async function leaseIsLive({ member }: Machine): Promise<boolean> {
  const { body } = await ask(member.app.operations, '/metrics')
  return /^sluice_cluster_lease_live\{.*\} 1$/m.test(body)
}
