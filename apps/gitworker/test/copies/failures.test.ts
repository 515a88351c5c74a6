import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PassThrough } from 'node:stream'
import { pino } from 'pino'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import type { Attempt } from '../../src/copies/catching-up/attempts.ts'
import { isOthers, isOver, sayFailure, sayUnheard } from '../../src/copies/catching-up/failures.ts'
import { CatchingUpProgress } from '../../src/copies/catching-up/progress.ts'
import type { SlotView } from '../../src/copies/slot-view.ts'

const record: SlotRecord = { primary: 'one', copies: ['one', 'two'], inSync: ['one'], next: undefined, term: 7 }
const attempt = { slot: 3, copy: 'two', term: 7, failures: 0 } as Attempt

function view(known: SlotRecord | undefined, isUp = true): SlotView {
  const address = { kind: 'tcp', host: '127.0.0.1', port: 1 } as const
  return { name: 'one', slot: () => known, addressOf: () => (isUp ? address : undefined) } as unknown as SlotView
}

/** @returns the lines, as level and message */
function lines(act: (log: pino.Logger) => void): [number, string, boolean][] {
  const written = new PassThrough()
  act(pino(written))
  const text = (written.read() as Buffer | null)?.toString() ?? ''
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: number; msg: string; err?: object })
    .map(({ level, msg, err }) => [level, msg, err !== undefined])
}

test('what the table has taken from this host by now, or whose host has gone, has not failed', () => {
  assert.equal(isOver(view(record), attempt), false)
  assert.equal(isOver(view(record, false), attempt), true)
  assert.equal(isOthers(view(record, false), attempt), false)
  const others = [undefined, { ...record, term: 8 }, { ...record, primary: 'two' }, { ...record, copies: ['one'] }]
  for (const other of others) assert.equal(isOthers(view(other), attempt), true)
})

test('a slot that cannot be brought is a warning from the second time on, without a stack', () => {
  const said = lines((log) => {
    using progress = new CatchingUpProgress(log)
    progress.begin('two', 1)
    sayFailure(log, progress, attempt, new Error('no space'))
    progress.slotsOver('two', 1, 'failed')
    progress.begin('two', 1)
    sayFailure(log, progress, { ...attempt, failures: 1 }, new Error('no space'))
    progress.slotsOver('two', 1, 'failed')
  })
  const [info, warn] = [30, 40]
  assert.deepEqual(
    said.filter(([, msg]) => !msg.startsWith('looks whether')),
    [
      [info, 'a slot of a copy could not be brought in sync: tried again', false],
      [info, 'some slots of a copy could not be brought: tried again later', false],
      [warn, 'a slot of a copy cannot be brought in sync', false],
      [warn, 'some slots of a copy could not be brought: tried again later', false],
    ],
  )
})

test('a copy that is not heard is a warning from the second time on, too', () => {
  const said = lines((log) => {
    using progress = new CatchingUpProgress(log)
    sayUnheard(log, progress, 'two', [attempt], new Error('connect ECONNREFUSED'))
    sayUnheard(log, progress, 'two', [attempt, { ...attempt, failures: 1 }], new Error('connect ECONNREFUSED'))
  })
  assert.deepEqual(
    said.map(([level]) => level),
    [30, 40],
  )
})

test('slots that are no longer to be brought are not counted as failed', () => {
  const said = lines((log) => {
    using progress = new CatchingUpProgress(log)
    progress.begin('two', 2)
    progress.slotsOver('two', 1, 'done')
    progress.slotsOver('two', 1, 'left')
  })
  assert.deepEqual(said.at(-1), [30, 'a copy has caught up', false])
})
