import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { CoordinatorError } from '../../src/coordinator/coordinator.ts'
import type { Coordinator, Lease } from '../../src/coordinator/coordinator.ts'
import { noEtcd, startEtcd } from '../../testing/etcd.ts'
import type { Etcd, EtcdMember } from '../../testing/etcd.ts'
import { patienceMs, patiently } from '../../testing/patience.ts'
import { until } from '../../testing/until.ts'
import { coordinatorWith } from './coordinator-with.ts'
import { configOf } from './etcd-config.ts'
import { watchOf } from './contract.ts'

/** So long that no election ends it. */
const leaseMs = 60_000

describe('a coordinator over three members of etcd', { skip: noEtcd }, () => {
  let etcd: Etcd
  let rounds = 0
  before(async () => {
    etcd = await startEtcd({ members: 3, auth: true })
  })
  after(async () => {
    await etcd[Symbol.asyncDispose]()
  })

  /** Everything that a coordinator does goes on while something happens to the members. */
  async function goesOn(happens: () => Promise<void>, isOver: () => Promise<void>): Promise<void> {
    const prefix = `/sluice/${++rounds}/`
    await using parts = new AsyncDisposableStack()
    // One starts with each member.
    const opened = await Promise.all(etcd.members.map((member) => startingWith(member)))
    const coordinators = opened.map((coordinator) => parts.use(coordinator))
    const watches = coordinators.map((coordinator) => parts.use(watchOf(coordinator, prefix)))
    const granted = await Promise.all(coordinators.map((coordinator) => grantedBy(coordinator)))
    const leases = granted.map((lease) => parts.use(lease))
    for (const watch of watches) assert.equal((await watch.next()).kind, 'all')
    await changesReach(coordinators, watches, prefix)
    await happens()
    await changesReach(coordinators, watches, prefix)
    await isOver()
    await changesReach(coordinators, watches, prefix)
    assert.ok(leases.every(({ isLive }) => isLive))
  }

  async function startingWith(first: EtcdMember): Promise<Coordinator> {
    const { etcdUser: user, etcdPasswordFile: passwordFile } = configOf(etcd.env)
    const others = etcd.members.filter((member) => member !== first)
    return await coordinatorWith([first, ...others], { user: user!, passwordFile: passwordFile! })
  }

  async function changesReach(
    coordinators: readonly Coordinator[],
    watches: readonly ReturnType<typeof watchOf>[],
    prefix: string,
  ): Promise<void> {
    for (const [index, coordinator] of coordinators.entries()) {
      const key = `${prefix}${index}`
      const value = `${performance.now()}`
      await until('it is written', async () => await wrote(coordinator, key, value))
      const brought = watches.map((watch) => watch.changesUntil((change) => change.value === value))
      for (const changes of await Promise.all(brought))
        assert.equal(changes.find((change) => change.value === value)!.key, key)
    }
  }

  test('goes on when the one that it asks is killed, and comes back', async () => {
    await goesOn(
      () => etcd.members[0]!.kill(),
      () => etcd.members[0]!.start(),
    )
  })

  test('goes on when the leader is stopped, and wakes up', async () => {
    const leader = await leaderOf(etcd)
    await goesOn(
      async () => leader.pause(),
      async () => leader.resume(),
    )
  })

  test('fails in bounded time while there is no majority, and then goes on where it was', async () => {
    const [first, ...others] = etcd.members
    await using coordinator = await startingWith(first!)
    await using lease = await grantedBy(coordinator)
    using watch = watchOf(coordinator, '/sluice/majority/')
    await watch.next()
    for (const member of others) member.pause()
    const swapping = coordinator.swap([{ key: '/sluice/majority/a', expected: 0, value: '1' }])
    const failing = [
      assert.rejects(swapping, CoordinatorError),
      // A machine that is slow uses up the time of a call before the last member is asked.
      until('a read that fails at all members', async () => isComplete(await failureOf(coordinator.read('/sluice/')))),
    ]
    await patiently('they fail', Promise.all(failing), 2 * patienceMs)
    for (const member of etcd.members) await member.kill()
    for (const member of etcd.members) await member.start()
    await until('it is written', async () => await wrote(coordinator, '/sluice/majority/a', '2'))
    await watch.changesUntil(({ value }) => value === '2')
    assert.ok(lease.isLive)
  })

  /** Whether it says what every member did. */
  function isComplete(error: unknown): boolean {
    assert.ok(error instanceof CoordinatorError && !error.mayBeDone)
    return etcd.members.every(({ endpoint }) => error.message.includes(endpoint))
  }
})

async function failureOf(reading: Promise<unknown>): Promise<unknown> {
  return await reading.then(
    () => assert.fail('it was read'),
    (error: unknown) => error,
  )
}

/** A lease; while members elect a leader, none is granted. */
async function grantedBy(coordinator: Coordinator): Promise<Lease> {
  return await until('a lease', () =>
    coordinator.grantLease(leaseMs).catch((error: unknown) => {
      if (!(error instanceof CoordinatorError)) throw error
      return undefined
    }),
  )
}

/** Whether it was written; not known counts as not. Written twice is the same as once. */
async function wrote(coordinator: Coordinator, key: string, value: string): Promise<boolean> {
  try {
    return (await coordinator.swap([{ key, expected: undefined, value }])).isDone
  } catch (error) {
    if (error instanceof CoordinatorError) return false
    throw error
  }
}

/** There may be none for a moment, and a member that was started again does not answer at once. */
async function leaderOf(etcd: Etcd): Promise<EtcdMember> {
  return await until('a leader', async () => {
    const status = await etcd.ctl('endpoint', 'status').catch(() => '')
    const line = status.split('\n').find((one) => one.split(', ')[4] === 'true')
    return etcd.members.find(({ endpoint }) => line?.startsWith(`${endpoint},`))
  })
}
