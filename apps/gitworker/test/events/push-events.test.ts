import assert from 'node:assert/strict'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { until } from '@sluice/shared/testing/until'
import { EventLog } from '../../src/events/event-log.ts'
import { judgeRefs } from '../../src/events/intent/judge-refs.ts'
import type { NewPush } from '../../src/events/intent/push-events.ts'
import { segmentPath } from '../../src/events/journal/segments.ts'
import { readEvents } from '../../src/events/journal/read-records.ts'
import type { Event } from '../../src/events/record/event.ts'
import type { RefChange } from '../../src/operations/ref-change.ts'

const [zeros, a, b, c] = ['0', 'a', 'b', 'c'].map((digit) => digit.repeat(40)) as [string, string, string, string]

/** References by their names, as a repository has them. */
type Refs = Record<string, string>

async function openLog(folder: string, refs: Refs | undefined, repositories: Set<string> = new Set(), more = {}) {
  const look = async (_: string, names: readonly string[]) =>
    refs && new Map(names.map((name) => [name, refs[name]] as const))
  const exists = (name: string) => repositories.has(name)
  const options = { folder, look, exists, freeBytes: async () => undefined, onEvent() {}, log: silentLog, ...more }
  return await EventLog.open(options)
}

function pushOf(...refs: [ref: string, old: string, id: string][]): NewPush {
  const asked = refs.map(([ref, old, id]) => ({ ref, old, new: id }))
  return {
    repository: 'team/project',
    folder: 'team/project.git',
    requestId: 'r',
    creates: false,
    refs: asked,
    more: 0,
  }
}

function ok(ref: string, old: string, id: string): RefChange {
  return { ref, old, new: id, result: 'ok' }
}

async function eventsIn(folder: string): Promise<Event[]> {
  const found: Event[] = []
  for await (const { event } of readEvents({ folder }, { segment: 0, offset: 0 }, { segment: 1e9, offset: 0 }))
    found.push(event)
  return found
}

async function toldIn(folder: string): Promise<string[]> {
  const events = await eventsIn(folder)
  return events.map(({ kind, ref = '', old, new: id, certain }) => {
    const what = kind === 'push' ? `${ref} ${old![0]}${id![0]}` : kind
    return certain === false ? `${what}?` : what
  })
}

describe('what became of a reference', () => {
  const judged = (now: string, ...changes: [string, string][]) => {
    const all = changes.map(([old, id]) => ({ old, new: id }))
    const { verdictOf } = judgeRefs(all, now)
    return all.map(verdictOf)
  }

  test('is known from what it is now, and from what others made of it', () => {
    assert.deepEqual(judged(b, [a, b]), ['changed'])
    assert.deepEqual(judged(a, [a, b]), ['unchanged'])
    assert.deepEqual(judged(c, [a, b], [b, c]), ['changed', 'changed'])
    assert.deepEqual(judged(c, [b, c], [a, b]), ['changed', 'changed'])
    assert.deepEqual(judged(c, [a, b], [a, c]), ['unchanged', 'changed'])
    assert.deepEqual(judged(a, [a, b], [b, a]), ['changed', 'changed'])
    assert.deepEqual(judged(b, [a, b], [a, b]), ['changed', 'unchanged'])
    assert.deepEqual(judged(zeros, [zeros, zeros]), ['unchanged'])
    assert.deepEqual(judged(c, [a, b]), ['uncertain'])
  })
})

test('wherever the process is killed, what git has done is told once it is back, and what it has not is not', async () => {
  await using folder = await temporaryFolder()
  const whole = join(folder.path, 'whole')
  const log = await openLog(whole, {})
  const before = (await readFile(segmentPath(whole, 1))).length
  const open = await log.pushes.begin(pushOf(['refs/heads/x', a, b], ['refs/heads/y', zeros, b]), false)
  const intended = (await readFile(segmentPath(whole, 1))).length
  await log.pushes.finish(open, [ok('refs/heads/x', a, b), ok('refs/heads/y', zeros, b)])
  await log[Symbol.asyncDispose]()
  const bytes = await readFile(segmentPath(whole, 1))
  const cut = join(folder.path, 'cut')
  const after = async (length: number, refs: Refs) => {
    await rm(cut, { recursive: true, force: true })
    await mkdir(cut)
    await writeFile(segmentPath(cut, 1), bytes.subarray(0, length))
    const again = await openLog(cut, refs)
    await again.recoverPushes()
    await again[Symbol.asyncDispose]()
    const once = await toldIn(cut)
    // A second start finds nothing that is open.
    const third = await openLog(cut, refs)
    await third.recoverPushes()
    await third[Symbol.asyncDispose]()
    assert.deepEqual(await toldIn(cut), once)
    return once.toSorted()
  }
  const both = ['refs/heads/x ab', 'refs/heads/y 0b']
  for (let length = intended; length <= bytes.length; length += 5) {
    assert.deepEqual(await after(length, { 'refs/heads/x': b, 'refs/heads/y': b }), both, `killed at ${length}`)
  }
  // git changes nothing before the intent is on the disk.
  for (const length of [before, intended - 1]) {
    assert.deepEqual(await after(length, { 'refs/heads/x': a }), [], `killed at ${length}`)
  }
  assert.deepEqual(await after(intended, { 'refs/heads/x': a }), [])
  assert.deepEqual(await after(intended, { 'refs/heads/x': b }), ['refs/heads/x ab'])
  // Another host may have changed it since.
  assert.deepEqual(await after(intended, { 'refs/heads/x': c }), ['refs/heads/x ab?'])
})

test('a push whose intent is in a segment that is full is known in the next one, with what was told of it', async () => {
  await using folder = await temporaryFolder()
  const [path, copy] = [join(folder.path, 'journal'), join(folder.path, 'copy')]
  await using log = await openLog(path, undefined, new Set(), { segmentBytes: 2000 })
  await log.pushes.begin(pushOf(['refs/heads/x', a, b], ['refs/heads/y', zeros, b]), false)
  for (let count = 0; count < 20; count++) {
    // The tenth proves that the long one has changed x.
    const change: [string, string, string] =
      count === 10 ? ['refs/heads/x', b, c] : [`refs/heads/other-${count}`, zeros, a]
    const open = await log.pushes.begin(pushOf(change), false)
    await log.pushes.finish(open, [ok(...change)])
  }
  await cp(path, copy, { recursive: true })
  const again = await openLog(copy, { 'refs/heads/x': c, 'refs/heads/y': b })
  await again.recoverPushes()
  await again[Symbol.asyncDispose]()
  const told = await toldIn(copy)
  assert.deepEqual(told.slice(10, 12), ['refs/heads/x ab', 'refs/heads/x bc'])
  assert.equal(told.at(-1), 'refs/heads/y 0b')
  assert.equal(told.length, 22)
})

test('pushes are told in the order in which they changed a reference, whichever of them ends first', async () => {
  await using folder = await temporaryFolder()
  await using log = await openLog(folder.path, {})
  const first = await log.pushes.begin(pushOf(['refs/heads/x', a, b]), false)
  const second = await log.pushes.begin(pushOf(['refs/heads/x', b, c]), false)
  await log.pushes.finish(second, [ok('refs/heads/x', b, c)])
  await log.pushes.finish(first, [ok('refs/heads/x', a, b)])
  assert.deepEqual(await toldIn(folder.path), ['refs/heads/x ab', 'refs/heads/x bc'])
  // One that is refused is not told because another one did the same.
  const third = await log.pushes.begin(pushOf(['refs/heads/x', a, c]), false)
  const fourth = await log.pushes.begin(pushOf(['refs/heads/x', c, a]), false)
  await log.pushes.finish(fourth, [ok('refs/heads/x', c, a)])
  await log.pushes.finish(third, [{ ref: 'refs/heads/x', old: a, new: c, result: 'rejected', why: 'stale' }])
  assert.deepEqual((await toldIn(folder.path)).slice(2), ['refs/heads/x ca'])
})

test('a new repository is told once, with the first push that leaves something in it', async () => {
  await using folder = await temporaryFolder()
  await using log = await openLog(folder.path, {})
  const creating = { ...pushOf(['refs/heads/x', zeros, a]), creates: true }
  const refused = await log.pushes.begin(creating, true)
  const taken = await log.pushes.begin({ ...pushOf(['refs/heads/y', zeros, a]), creates: true }, false)
  const late = await log.pushes.begin({ ...pushOf(['refs/heads/z', zeros, a]), creates: true }, false)
  await log.pushes.finish(refused, [{ ref: 'refs/heads/x', old: zeros, new: a, result: 'rejected', why: 'no' }])
  await log.pushes.finish(taken, [ok('refs/heads/y', zeros, a)])
  await log.pushes.finish(late, [ok('refs/heads/z', zeros, a)])
  assert.deepEqual(await toldIn(folder.path), ['create', 'refs/heads/y 0a', 'refs/heads/z 0a'])
})

test('a repository that was taken back after a crash is not told', async () => {
  await using folder = await temporaryFolder()
  const log = await openLog(folder.path, undefined)
  await log.pushes.begin({ ...pushOf(['refs/heads/x', zeros, a]), creates: true }, true)
  await log[Symbol.asyncDispose]()
  const again = await openLog(folder.path, undefined)
  await again.recoverPushes()
  await again[Symbol.asyncDispose]()
  assert.deepEqual(await toldIn(folder.path), [])
})

test('what git says nothing of is looked at, again and again until git can say it', async () => {
  await using folder = await temporaryFolder()
  let answers = 0
  const look = async () => {
    if (++answers === 1) throw new Error('There is no worker.')
    return new Map([['refs/heads/x', b]])
  }
  await using log = await openLog(folder.path, {}, new Set(), { look })
  const open = await log.pushes.begin(pushOf(['refs/heads/x', a, b]), false)
  await log.pushes.finish(open, [{ ref: 'refs/heads/x', old: a, new: b, result: 'unknown' }])
  assert.deepEqual(await toldIn(folder.path), [])
  await log.pushes.settle('team/project.git')
  assert.deepEqual(await toldIn(folder.path), ['refs/heads/x ab'])
})

test('what cannot be written waits for the disk, and holds up nobody', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'journal')
  await using log = await openLog(path, {}, new Set(), { segmentBytes: 1000 })
  const open = await log.pushes.begin(pushOf(['refs/heads/x', a, b]), false)
  const away = join(folder.path, 'away')
  await cp(path, away, { recursive: true })
  await rm(path, { recursive: true })
  await writeFile(path, 'in the way')
  // The segment is full, and no other can be begun.
  await log.journal.append([{ done: 'x'.repeat(1000) }]).catch(() => {})
  await log.pushes.finish(open, [ok('refs/heads/x', a, b)])
  await rm(path)
  await cp(away, path, { recursive: true })
  await until('the event to be written', async () => (await toldIn(path)).includes('refs/heads/x ab'))
})

test('operations that were cut short are told if they were done', async () => {
  for (const isDone of [false, true]) {
    await using folder = await temporaryFolder()
    const repositories = new Set(['old', 'from', 'leaving'])
    const log = await openLog(folder.path, {}, repositories)
    await log.operations.begin({ kind: 'create', repository: 'new', requestId: '1' })
    await log.operations.begin({ kind: 'delete', repository: 'old', requestId: '2' })
    await log.operations.begin({ kind: 'rename', repository: 'from', to: 'to', requestId: '3' })
    // Its new name is on the disk of another host.
    const elsewhere = { to: 'there', isElsewhere: true, requestId: '4' }
    await log.operations.begin({ kind: 'rename', repository: 'leaving', ...elsewhere })
    await log[Symbol.asyncDispose]()
    const after = isDone ? new Set(['new', 'to']) : repositories
    const again = await openLog(folder.path, {}, after)
    await again.recoverOperations()
    await again[Symbol.asyncDispose]()
    assert.deepEqual(await toldIn(folder.path), isDone ? ['create', 'delete', 'rename', 'rename'] : [])
  }
})
