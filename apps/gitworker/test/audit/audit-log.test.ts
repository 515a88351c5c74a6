import assert from 'node:assert/strict'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { until } from '@sluice/shared/testing/until'
import { AuditLog } from '../../src/audit/audit-log.ts'
import { LogFile } from '../../src/audit/log-file.ts'

async function openLog(free: { bytes: number | undefined } = { bytes: undefined }) {
  await using opened = new AsyncDisposableStack()
  const folder = join(opened.use(await temporaryFolder()).path, 'logs')
  await mkdir(folder)
  const path = join(folder, 'audit.log')
  const log = opened.use(await AuditLog.open({ path, freeBytes: async () => free.bytes, log: silentLog }))
  const ends = opened.move()
  const text = () => readFile(path, 'utf8')
  return { folder, path, log, text, [Symbol.asyncDispose]: () => ends.disposeAsync() }
}

const isUnavailable = (error: unknown) => error instanceof Refusal && error.reason === 'audit_unavailable'

test('lines are appended in the order in which they come, those that come meanwhile as one batch', async () => {
  await using it = await openLog()
  const numbers = Array.from({ length: 200 }, (_, index) => String(index))
  await Promise.all(numbers.map((number) => it.log.append(number)))
  assert.equal(await it.text(), numbers.map((number) => `${number}\n`).join(''))
  assert.equal(it.log.written, 200)
})

test('a disk that does not answer is not waited for, and takes pushes no longer until it does', async () => {
  const { promise: answer, resolve } = Promise.withResolvers<void>()
  const written: string[][] = []
  const file = {
    open: async () => {},
    append: async (lines: readonly string[]) => {
      written.push([...lines])
      if (written.length === 1) await answer
    },
    [Symbol.asyncDispose]: async () => {},
  }
  const options = { path: '/audit.log', freeBytes: async () => undefined, log: silentLog, writeWithin: 50, file }
  await using log = await AuditLog.open(options)
  await assert.rejects(log.append('one'), /has not answered/)
  await assert.rejects(log.check(), isUnavailable)
  assert.equal(log.failed, 1)
  resolve()
  await until('the log to be written again', async () =>
    log
      .check()
      .then(() => true)
      .catch(() => false),
  )
  assert.deepEqual(
    written.map(([line]) => line?.slice(0, 3)),
    ['one', '{"t'],
  )
  // What comes while a batch is written waits for the next one.
  const first = log.append('two')
  await Promise.all([first, log.append('three'), log.append('four')])
  assert.deepEqual(written.slice(2), [['two\n'], ['three\n', 'four\n']])
})

test('a line that was cut short does not swallow the next one', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'audit.log')
  for (const [before, expected] of [
    ['{"cut', '{"cut\nnext\n'],
    ['whole\n', 'whole\nnext\n'],
    ['', 'next\n'],
  ] as const) {
    await writeFile(path, before)
    await using file = new LogFile(path)
    await file.append(['next\n'])
    assert.equal(await readFile(path, 'utf8'), expected)
  }
})

test('what is no file is refused', async () => {
  await using folder = await temporaryFolder()
  await assert.rejects(AuditLog.open({ path: folder.path, freeBytes: async () => undefined, log: silentLog }))
  await assert.rejects(AuditLog.open({ path: '/dev/null', freeBytes: async () => undefined, log: silentLog }))
})

test('a log that has failed refuses, and tells of the gap when it can be written again', async () => {
  await using it = await openLog()
  await it.log.append('one')
  await rename(it.folder, `${it.folder}.away`)
  await assert.rejects(it.log.append('two'))
  await assert.rejects(it.log.check(), isUnavailable)
  assert.equal(it.log.failed, 1)
  await rename(`${it.folder}.away`, it.folder)
  await until('the log to be written again', async () =>
    it.log
      .check()
      .then(() => true)
      .catch(() => false),
  )
  await it.log.append('three')
  const [first, gap, last] = (await it.text()).split('\n')
  assert.equal(first, 'one')
  assert.equal(last, 'three')
  const { event, notRecorded } = JSON.parse(gap!) as Record<string, unknown>
  assert.deepEqual({ event, notRecorded }, { event: 'gap', notRecorded: 1 })
})

test('a file that cannot be made again, and a disk that is full, are noticed before anything is lost', async () => {
  const free: { bytes: number | undefined } = { bytes: 2 ** 30 }
  await using it = await openLog(free)
  await it.log.check()
  free.bytes = 1000
  await assert.rejects(it.log.check(), isUnavailable)
  free.bytes = 2 ** 30
  await it.log.check()
  await rm(it.folder, { recursive: true })
  await assert.rejects(it.log.check(), isUnavailable)
  assert.equal(it.log.failed, 0)
})
