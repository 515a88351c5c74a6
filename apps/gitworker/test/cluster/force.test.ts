import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { InProcessCoordinator } from '@sluice/shared/coordinator/in-process/in-process-coordinator'
import { KeyStore } from '@sluice/shared/coordinator/in-process/key-store'
import { clusterKeys } from '@sluice/shared/placement/keys'
import { slotOf } from '@sluice/shared/placement/slot'
import { readSlotRecord, writeSlotRecord } from '@sluice/shared/placement/slot-record'
import { git, importHistory } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import { NotMemberError, SlotForcing } from '../../src/cluster/force/slot-forcing.ts'
import { openHostsInProcess } from '../support/hosts-in-process.ts'
import { recordLog } from '../support/recorded-log.ts'

const keys = clusterKeys('/sluice/')

async function etcdWith(slots: number, copies: readonly string[], inSync: readonly string[], live: readonly string[]) {
  const coordinator = new InProcessCoordinator(new KeyStore())
  const lease = await coordinator.grantLease(60_000)
  for (const name of live) await coordinator.swap([{ key: keys.host(name), expected: 0, value: '{}', lease }])
  for (let slot = 0; slot < slots; slot++) {
    const value = writeSlotRecord({ primary: inSync[0], copies, inSync, next: undefined, term: undefined })
    await coordinator.swap([{ key: keys.slot(slot), expected: 0, value }])
  }
  const recordOf = async (slot: number) => {
    const [entry] = (await coordinator.read(keys.slot(slot))).entries
    return readSlotRecord(entry!.value, entry!.revision)!
  }
  return { coordinator, recordOf, forcing: new SlotForcing({ name: 'b', coordinator, keys }) }
}

test('only slots of which no host in sync lives, and this host has a copy, can be forced', async () => {
  const cases: [copies: string[], inSync: string[], live: string[], why: RegExp | undefined][] = [
    [['a', 'b'], ['a'], ['b'], undefined],
    [['a', 'b', 'c'], ['a', 'c'], ['b'], undefined],
    [['a', 'b', 'c'], ['a', 'c'], ['b', 'c'], /c is up and has all of it/],
    [['a', 'b'], ['b'], ['b'], /b is its primary already/],
    [['a', 'b'], ['a', 'b'], ['b'], /becomes its primary by itself/],
    [['a', 'c'], ['a'], ['b'], /no copy of it\. Run this on a host that has one, if it is up: a, c/],
  ]
  for (const [copies, inSync, live, why] of cases) {
    const { coordinator, forcing, recordOf } = await etcdWith(1, copies, inSync, live)
    await using _coordinator = coordinator
    const survey = await forcing.survey(new Set([0]))
    assert.match(survey.left[0]?.why ?? '', why ?? /^$/)
    assert.equal(survey.forcible.length, why ? 0 : 1)
    const before = await recordOf(0)
    await forcing.force(survey, async () => {})
    const { primary, inSync: now, copies: kept, term } = await recordOf(0)
    assert.deepEqual([primary, now, kept], why ? [before.primary, inSync, copies] : ['b', ['b'], copies])
    assert.equal(term > before.term, !why)
  }
})

test('a host in sync that comes back at the last moment, and a record that has changed, leave a slot as it is', async () => {
  const { coordinator, forcing, recordOf } = await etcdWith(200, ['a', 'b'], ['a'], ['b'])
  await using _coordinator = coordinator
  const survey = await forcing.survey(undefined)
  assert.equal(survey.forcible.length, 200)
  const value = writeSlotRecord({
    primary: 'a',
    copies: ['a', 'b', 'c'],
    inSync: ['a'],
    next: undefined,
    term: undefined,
  })
  await coordinator.swap([{ key: keys.slot(7), expected: undefined, value }])
  const done: number[] = []
  const left = await forcing.force(survey, async (slots) => void done.push(...slots.map(({ slot }) => slot)))
  assert.deepEqual(
    left.map(({ slot }) => slot),
    [7],
  )
  assert.equal(new Set(done).size, 199)
  assert.equal((await recordOf(7)).primary, 'a')

  const again = await forcing.survey(undefined)
  assert.equal(again.forcible.length, 1)
  await coordinator.swap([{ key: keys.host('a'), expected: 0, value: '{}' }])
  assert.equal((await forcing.force(again, async () => assert.fail())).length, 1)
  assert.deepEqual(await forcing.survey(undefined), { ...again, forcible: [], left: [] })
})

test('a host that is no member any more forces nothing', async () => {
  const { coordinator, forcing } = await etcdWith(1, ['a', 'b'], ['a'], ['b'])
  await using _coordinator = coordinator
  const survey = await forcing.survey(undefined)
  await coordinator.swap([{ key: keys.host('b'), expected: undefined, value: undefined }])
  assert.equal((await forcing.force(survey, async () => assert.fail())).length, 1)
  await assert.rejects(forcing.survey(undefined), NotMemberError)
})

test('a copy that is out of sync serves what it has after a force, and the other one is brought to that', async () => {
  const { lines, log } = recordLog()
  await using hosts = await openHostsInProcess({}, log)
  const audit = join(hosts.folder, 'audit.log')
  const name = 'team/forced.git'
  await hosts.start('one')
  await hosts.place(name, { primary: 'one', copies: ['one', 'two'], inSync: ['one'] })
  const work = join(hosts.folder, 'work')
  await git(hosts.folder, ['init', '--quiet', 'work'])
  await importHistory(work, 2)
  await git(work, ['push', '--quiet', hosts.urlOf('one', name), 'main'])
  await hosts.start('two')
  await until('two to be in sync', async () => (await hosts.inSyncOf(name)).length === 2)
  await hosts.stop('two')
  await until('one to take two out', async () => {
    await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'More'])
    await git(work, ['push', '--quiet', hosts.urlOf('one', name), 'main', 'main:refs/heads/only-one'])
    return (await hosts.inSyncOf(name)).length === 1
  })
  await hosts.stop('one')
  await hosts.start('two', { SLUICE_AUDIT_LOG: audit })

  const force = async (body: object) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; said: Record<string, unknown> }>()
    const socketPath = join(hosts.folder, 'run-two/administration.sock')
    const headers = { 'Content-Type': 'application/json', 'X-Sluice-Operator': 'ada' }
    request({ socketPath, method: 'POST', path: '/-/cluster/force', headers }, (reply) => {
      text(reply).then((said) => resolve({ status: reply.statusCode!, said: JSON.parse(said) as never }), reject)
    })
      .on('error', reject)
      .end(JSON.stringify(body))
    return await promise
  }
  for (const body of [{}, { slots: [4096] }, { slots: [1], allDown: true }, { allDown: false }, { repositories: [''] }])
    assert.equal((await force(body)).status, 400, JSON.stringify(body))
  await until('the lease of one to be over', async () => {
    const { said } = await force({ repositories: [name] })
    return (said['slots'] as unknown[]).length === 1
  })
  const planned = await force({ allDown: true })
  const [slot] = planned.said['slots'] as { slot: number; lost: string[]; repositories: number }[]
  assert.deepEqual([slot!.slot, slot!.lost, slot!.repositories], [slotOf(name), ['one'], 1])
  assert.deepEqual(await hosts.inSyncOf(name), ['one'])

  assert.equal((await force({ repositories: [name], dryRun: false })).said['isDone'], true)
  const { primary, inSync, term } = await hosts.recordOf(name)
  assert.deepEqual([primary, inSync], ['two', ['two']])
  const { time, ...line } = JSON.parse(await readFile(audit, 'utf8')) as Record<string, unknown>
  assert.ok(time)
  const event = { event: 'forced', slot: slotOf(name), term, host: 'two', lost: ['one'], saysToBe: 'ada' }
  assert.deepEqual(line, event)

  await until('two to take pushes', async () => {
    await git(work, ['push', '--quiet', '--force', hosts.urlOf('two', name), 'main~1:main']).catch(() => undefined)
    return (await hosts.refsAt('two', name)).includes(await git(work, ['rev-parse', 'main~1']))
  })
  await hosts.start('one')
  await until('one to be in sync again', async () => (await hosts.inSyncOf(name)).length === 2)
  assert.equal(await hosts.refsAt('one', name), await hosts.refsAt('two', name))
  assert.doesNotMatch(await hosts.refsAt('one', name), /only-one/)

  // What only one had is in its log, and can be brought back.
  const old = (await git(work, ['rev-parse', 'main'])).trim()
  const { lost } = lines.find((one) => 'lost' in one && one['repository'] === 'team/forced' && one['level'] === 40)!
  assert.deepEqual(lost, [
    { ref: 'refs/heads/main', old, new: (await git(work, ['rev-parse', 'main~1'])).trim() },
    { ref: 'refs/heads/only-one', old, new: null },
  ])
  await git(join(hosts.rootOf('one'), name), ['push', hosts.urlOf('two', name), `${old}:refs/heads/found`])
  assert.match(await hosts.refsAt('one', name), new RegExp(`refs/heads/found ${old}`))
})
