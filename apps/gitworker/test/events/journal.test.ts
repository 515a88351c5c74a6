import assert from 'node:assert/strict'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { until } from '@sluice/shared/testing/until'
import { Journal } from '../../src/events/journal/journal.ts'
import type { JournalOptions } from '../../src/events/journal/journal.ts'
import { readLeft } from '../../src/events/journal/last-segment.ts'
import { readEvents } from '../../src/events/journal/read-records.ts'
import { trimJournal } from '../../src/events/journal/retention.ts'
import { segmentPath, segmentsIn } from '../../src/events/journal/segments.ts'
import { findEvent, placeAfter } from '../../src/events/listeners/find-event.ts'
import { EventIds } from '../../src/events/record/event-id.ts'
import type { Intent } from '../../src/events/record/intent.ts'
import type { JournalRecord } from '../../src/events/record/record-line.ts'

const ids = new EventIds()

function anEvent(repository = 'team/project'): JournalRecord & { event: { id: string } } {
  const time = new Date().toISOString()
  return { event: { id: ids.next(), time, kind: 'create', repository, requestId: 'r' } }
}

function anIntent(): Intent {
  const time = new Date().toISOString()
  const what = { repository: 'team/project', folder: 'team/project.git', creates: false, refs: [], more: 0 }
  return { id: ids.next(), time, kind: 'push', requestId: 'r', ...what }
}

function openJournal(folder: string, more: Partial<JournalOptions> = {}): Promise<Journal> {
  const options = { folder, log: silentLog, openRecords: () => [], last: undefined, freeBytes: async () => undefined }
  return Journal.open({ ...options, ...more })
}

async function idsIn(folder: string, end = { segment: 1e9, offset: 0 }): Promise<string[]> {
  const found: string[] = []
  for await (const { event } of readEvents({ folder }, { segment: 0, offset: 0 }, end)) found.push(event.id)
  return found
}

test('ids are greater each time, also where the clock goes back, and after a restart', () => {
  const some = new EventIds()
  const made = [
    some.next(5000),
    some.next(5000),
    some.next(1000),
    ...Array.from({ length: 5000 }, () => some.next(5000)),
  ]
  made.push(new EventIds(made.at(-1)).next(0))
  assert.deepEqual(made, made.toSorted())
  assert.equal(new Set(made).size, made.length)
})

test('records that come at once are on the disk in their order, and begin new segments when one is full', async () => {
  await using folder = await temporaryFolder()
  await using journal = await openJournal(folder.path, { segmentBytes: 4096 })
  const records = Array.from({ length: 300 }, () => anEvent())
  await Promise.all(records.map((record) => journal.append([record])))
  for (let count = 0; count < 30; count++) {
    records.push(anEvent())
    await journal.append([records.at(-1)!])
  }
  const expected = records.map(({ event }) => event.id)
  assert.deepEqual(await idsIn(folder.path), expected)
  assert.ok((await segmentsIn(folder.path)).length > 1)
  assert.equal((await readLeft(folder.path)).last?.lastEventId, expected.at(-1))
  const middle = expected[310]!
  assert.equal((await findEvent(journal, middle))?.event.id, middle)
  const { position, isWhole } = await placeAfter(journal, middle)
  assert.ok(isWhole)
  const later: string[] = []
  for await (const { event } of readEvents(journal, position, journal.end)) later.push(event.id)
  assert.deepEqual(later, expected.slice(311))
  assert.equal(await findEvent(journal, new EventIds().next()), undefined)
})

test('wherever a journal was cut short, all that was whole is there, and it goes on', async () => {
  await using folder = await temporaryFolder()
  const whole = join(folder.path, 'whole')
  await mkdir(whole)
  const intent = anIntent()
  const events = [anEvent(), anEvent(), anEvent()]
  const journal = await openJournal(whole)
  await journal.append([events[0]!, { intent }, events[1]!])
  await journal.append([{ done: intent.id }, events[2]!])
  await journal[Symbol.asyncDispose]()
  const bytes = await readFile(segmentPath(whole, 1))
  const ends = [...bytes.entries()].filter(([, byte]) => byte === 0x0a).map(([index]) => index + 1)
  const cut = join(folder.path, 'cut')
  for (let length = 0; length <= bytes.length; length++) {
    await rm(cut, { recursive: true, force: true })
    await mkdir(cut)
    await writeFile(segmentPath(cut, 1), bytes.subarray(0, length))
    const lines = ends.filter((end) => end <= length).length
    const left = await readLeft(cut)
    const seen = events.filter((_, index) => lines >= [2, 4, 6][index]!).map(({ event }) => event.id)
    assert.equal(left.last?.bytes, lines === 0 ? undefined : ends[lines - 1], `cut at ${length}`)
    assert.deepEqual(left.intents, lines >= 3 && lines < 5 ? [intent] : [], `cut at ${length}`)
    // Each of these costs an fsync or two.
    if (length % 20 !== 0) continue
    await using again = await openJournal(cut, { last: left.last })
    const next = anEvent()
    await again.append([next])
    assert.deepEqual(await idsIn(cut, again.end), [...seen, next.event.id], `cut at ${length}`)
  }
})

test('a segment that was being begun does not hide the intents of the one before it', async () => {
  await using folder = await temporaryFolder()
  const intents = [anIntent(), anIntent()]
  const openRecords = () => intents.map((intent) => ({ intent }))
  const first = await openJournal(folder.path)
  await first.append(openRecords())
  await first[Symbol.asyncDispose]()
  const other = join(folder.path, 'other')
  await mkdir(other)
  const second = await openJournal(other, { openRecords })
  await second[Symbol.asyncDispose]()
  const bytes = await readFile(segmentPath(other, 1))
  for (let length = 0; length <= bytes.length; length++) {
    await writeFile(segmentPath(folder.path, 2), bytes.subarray(0, length))
    const left = await readLeft(folder.path)
    assert.deepEqual(left.intents, intents, `cut at ${length}`)
    assert.equal(left.last?.number, length === bytes.length ? 2 : 1)
  }
})

test('a line that is spoilt is left out, and no other', async () => {
  await using folder = await temporaryFolder()
  const events = [anEvent(), anEvent(), anEvent()]
  const journal = await openJournal(folder.path)
  await journal.append(events)
  await journal[Symbol.asyncDispose]()
  const path = segmentPath(folder.path, 1)
  const lines = (await readFile(path, 'utf8')).split('\n')
  lines[2] = lines[2]!.replace('team', 'mate')
  await writeFile(path, lines.join('\n'))
  assert.deepEqual(await idsIn(folder.path), [events[0]!.event.id, events[2]!.event.id])
})

test('a journal that cannot be written refuses what comes, and takes it again as soon as it can', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'journal')
  await mkdir(path)
  await using journal = await openJournal(path, { segmentBytes: 200 })
  await rm(path, { recursive: true })
  await writeFile(path, 'in the way')
  const isRefused = (error: unknown) => error instanceof Refusal && error.reason === 'events_unavailable'
  await assert.rejects(journal.append([anEvent(), anEvent()]))
  await assert.rejects(journal.check(), isRefused)
  await rm(path)
  await mkdir(path)
  const works = () =>
    journal.check().then(
      () => true,
      () => false,
    )
  await until('the journal to be written again', works)
  const event = anEvent()
  await journal.append([event])
  assert.deepEqual(await idsIn(path, journal.end), [event.event.id])
})

test('a disk that is nearly full is noticed before anything is begun', async () => {
  await using folder = await temporaryFolder()
  await using journal = await openJournal(folder.path, { freeBytes: async () => 1000 })
  await assert.rejects(journal.check(), (error: unknown) => error instanceof Refusal && error.status === 503)
})

test('old segments go, and as many as are too much; the last one stays', async () => {
  await using folder = await temporaryFolder()
  await using journal = await openJournal(folder.path, { segmentBytes: 1000 })
  for (let count = 0; count < 40; count++) await journal.append([anEvent()])
  const before = await segmentsIn(folder.path)
  assert.ok(before.length > 5)
  const all = await idsIn(folder.path, journal.end)
  const dropped: string[] = []
  const drop = (event: { id: string }) => void dropped.push(event.id)
  await trimJournal(journal, { time: 60_000, bytes: 3000 }, drop)
  assert.ok((await segmentsIn(folder.path)).length < before.length)
  assert.deepEqual([...dropped, ...(await idsIn(folder.path, journal.end))], all)
  assert.equal((await placeAfter(journal, all[0]!)).isWhole, false)
  await trimJournal(journal, { time: 60_000, bytes: 1e9 }, drop, Date.now() + 3_600_000)
  assert.equal((await segmentsIn(folder.path)).length, 1)
})
