import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { serveHttp } from '@sluice/shared/testing/serve-http'
import { until } from '@sluice/shared/testing/until'
import { Journal } from '../../src/events/journal/journal.ts'
import { trimJournal } from '../../src/events/journal/retention.ts'
import { EventStream } from '../../src/events/listeners/event-stream.ts'
import type { StreamOptions } from '../../src/events/listeners/event-stream.ts'
import { EventIds } from '../../src/events/record/event-id.ts'

const ids = new EventIds()

async function openStream(options: StreamOptions = {}) {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder()).path
  const common = { folder, log: silentLog, openRecords: () => [], last: undefined, freeBytes: async () => undefined }
  const journal = opened.use(await Journal.open({ ...common, segmentBytes: 4096 }))
  const stream = opened.use(new EventStream(journal, options))
  const { port } = opened.use(await serveHttp((incoming, outgoing) => void stream.serve(incoming, outgoing)))
  const ends = opened.move()
  const append = async (...names: string[]) => {
    const time = new Date().toISOString()
    const events = names.map((repository) => ({
      id: ids.next(),
      time,
      kind: 'create' as const,
      repository,
      requestId: 'r',
    }))
    await journal.append(events.map((event) => ({ event })))
    return events.map(({ id }) => id)
  }
  /** A listener, and what it has heard. */
  const listen = async (query = '', headers: Record<string, string> = {}) => {
    const outgoing = request({ port, path: `/-/events${query}`, headers })
    outgoing.on('error', () => {}).end()
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
    const heard = { text: '', isOver: false }
    incoming.on('close', () => (heard.isOver = true)).on('error', () => {})
    return { heard, incoming, read: () => incoming.on('data', (chunk: Buffer) => (heard.text += chunk.toString())) }
  }
  return { journal, stream, append, listen, [Symbol.asyncDispose]: () => ends.disposeAsync() }
}

const idsOf = (text: string) => [...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id)

test('a listener hears what comes, what it asked for, and signs of life', async () => {
  await using it = await openStream({ aliveEvery: 20 })
  await it.append('team/before')
  const { heard, read } = await it.listen('?repository=team/*')
  read()
  await until('it to be greeted', () => heard.text.includes('retry: '))
  const [first, , third] = await it.append('team/a', 'other/b', 'team/c')
  await until('both events', () => idsOf(heard.text).length === 2)
  assert.deepEqual(idsOf(heard.text), [first, third])
  await until('a sign of life', () => heard.text.includes('\n: alive\n\n'))
})

test('a listener that comes back hears all that it has missed, or that some is gone', async () => {
  await using it = await openStream()
  const all = await it.append(...Array.from({ length: 30 }, (_, index) => `team/${index}`))
  for (let count = 0; count < 30; count++) all.push(...(await it.append(`team/more-${count}`)))
  const back = await it.listen('', { 'Last-Event-ID': all[9]! })
  back.read()
  await until('all that came since', () => idsOf(back.heard.text).length === 50)
  assert.deepEqual(idsOf(back.heard.text), all.slice(10))
  assert.doesNotMatch(back.heard.text, /event: gap/)
  await trimJournal(it.journal, { time: 1e9, bytes: 4096 }, () => {})
  const late = await it.listen(`?after=${all[9]}`)
  late.read()
  await until('the last event', () => idsOf(late.heard.text).at(-1) === all.at(-1))
  assert.match(late.heard.text, /^event: gap$/m)
  for (const query of ['?after=x', '?repository=team//x'])
    assert.equal((await it.listen(query)).incoming.statusCode, 400)
})

test('a listener that does not read is cut off, and there are so many at most', async () => {
  await using it = await openStream({ slowAfter: 100 })
  const slow = await it.listen()
  // It is more than the kernel takes for a client that does not read.
  const names = Array.from({ length: 1000 }, (_, index) => `team/${'x'.repeat(2000)}-${index}`)
  for (let round = 0; round < 8 && it.stream.listeners > 0; round++) await it.append(...names)
  await until('it to be cut off', () => it.stream.listeners === 0)
  slow.incoming.destroy()
  const listeners = await Promise.all(Array.from({ length: 32 }, () => it.listen()))
  assert.equal((await it.listen()).incoming.statusCode, 503)
  for (const { incoming } of listeners) incoming.destroy()
  await until('they to be gone', () => it.stream.listeners === 0)
})

test('listeners are let go when the host stops', async () => {
  await using it = await openStream()
  const { heard, read } = await it.listen()
  read()
  await until('it to be greeted', () => heard.text !== '')
  it.stream[Symbol.dispose]()
  await until('it to be let go', () => heard.isOver)
  assert.equal((await it.listen()).incoming.statusCode, 503)
})
