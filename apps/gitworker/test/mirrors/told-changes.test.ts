import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { EventLog } from '../../src/events/event-log.ts'
import type { Event } from '../../src/events/record/event.ts'
import { tellChanges } from '../../src/mirrors/run/told-changes.ts'

const [zeros, a, b] = ['0', 'a', 'b'].map((digit) => digit.repeat(40)) as [string, string, string]

/** A journal whose looks find these references. @param refs undefined: there is no repository */
async function openLog(folder: string, refs: Record<string, string> | undefined, told: Event[]) {
  const look = async (_: string, names: readonly string[]) => refs && new Map(names.map((name) => [name, refs[name]]))
  const onEvent = (event: Event) => void told.push(event)
  const freeBytes = async () => undefined
  return await EventLog.open({ folder, look, exists: () => false, freeBytes, onEvent, log: silentLog })
}

const changed = (ref: string, old: string, id: string) => ({ ref: `refs/heads/${ref}`, old, new: id })
const told = (events: readonly Event[]) => events.map(({ kind, ref }) => ref ?? kind)
const of = { mirror: { repository: 'm/one' }, id: 'run', gitDir: '/root/m/one.git', isNew: false }

test('what a fetch has changed is told with the mirror as its user, also what came after the look', async () => {
  await using folder = await temporaryFolder()
  const events: Event[] = []
  await using log = await openLog(folder.path, {}, events)
  await using run = await tellChanges(log, '/root', { ...of, changes: [changed('x', a, b), changed('y', a, b)] })
  await run.finish([changed('x', a, b), changed('late', zeros, a)])
  assert.deepEqual(told(events), ['refs/heads/x', 'refs/heads/late'])
  assert.deepEqual([events[0]!.user, events[0]!.requestId, events[0]!.old], ['mirror', 'run', a])
  assert.equal(log.operations.open.length, 0)
})

test('where nobody saw the end of a fetch, the references are looked at', async () => {
  await using folder = await temporaryFolder()
  const events: Event[] = []
  await using log = await openLog(folder.path, { 'refs/heads/x': b, 'refs/heads/y': a }, events)
  {
    await using _run = await tellChanges(log, '/root', { ...of, changes: [changed('x', a, b), changed('y', a, b)] })
  }
  assert.deepEqual(told(events), ['refs/heads/x'])
})

test('a first copy is told as a creation, an empty one, too, and one that came to nothing is not', async () => {
  await using folder = await temporaryFolder()
  const events: Event[] = []
  await using log = await openLog(folder.path, undefined, events)
  const first = { ...of, isNew: true }
  {
    await using _failed = await tellChanges(log, '/root', { ...first, changes: [changed('x', zeros, a)] })
    await using _empty = await tellChanges(log, '/root', { ...first, changes: [] })
  }
  assert.deepEqual(told(events), [])
  await using run = await tellChanges(log, '/root', { ...first, changes: [changed('x', zeros, a)] })
  await run.finish([changed('x', zeros, a)])
  await using empty = await tellChanges(log, '/root', { ...first, mirror: { repository: 'm/two' }, changes: [] })
  await empty.finish([])
  assert.deepEqual(told(events), ['create', 'refs/heads/x', 'create'])
})

test('of very many references, the first thousand are told', async () => {
  await using folder = await temporaryFolder()
  const events: Event[] = []
  await using log = await openLog(folder.path, {}, events)
  const changes = Array.from({ length: 1500 }, (_, index) => changed(`b${index}`, zeros, a))
  await using run = await tellChanges(log, '/root', { ...of, changes })
  await run.finish(changes)
  assert.deepEqual([events.length, events.at(-1)!.more], [1000, 500])
})

test('a first copy that had to be made twice is told once', async () => {
  await using folder = await temporaryFolder()
  const events: Event[] = []
  let isThere = false
  await using log = await EventLog.open({
    folder: folder.path,
    look: async () => (isThere ? new Map([['refs/heads/x', a]]) : undefined),
    exists: () => isThere,
    freeBytes: async () => undefined,
    onEvent: (event) => void events.push(event),
    log: silentLog,
  })
  for (const [repository, changes] of [
    ['m/one', [changed('x', zeros, a)]],
    ['m/empty', []],
  ] as const) {
    isThere = false
    const intended = { ...of, mirror: { repository }, gitDir: `/root/${repository}.git`, isNew: true, changes }
    await using attempt = await tellChanges(log, '/root', intended)
    await attempt[Symbol.asyncDispose]()
    await using run = await tellChanges(log, '/root', intended)
    isThere = true
    await run.finish(changes)
  }
  assert.deepEqual(told(events), ['create', 'refs/heads/x', 'create'])
})
