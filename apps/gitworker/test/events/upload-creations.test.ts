import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { EventLog } from '../../src/events/event-log.ts'
import type { Event } from '../../src/events/record/event.ts'

const [name, folder] = ['team/new', 'team/new.git']
const who = { requestId: 'r', user: 'ann' }
const push = { repository: name, folder, requestId: 'p', creates: true, more: 0 }
const main = { ref: 'refs/heads/main', old: '0'.repeat(40), new: 'a'.repeat(40) }

async function openLog(journal: string, isThere: () => boolean, told: Event[]) {
  return await EventLog.open({
    folder: journal,
    look: async (_, refs) => (isThere() ? new Map(refs.map((ref) => [ref, main.new])) : undefined),
    exists: isThere,
    freeBytes: async () => undefined,
    onEvent: (event) => void told.push(event),
    log: silentLog,
  })
}

const kindsOf = (told: readonly Event[]) => told.map(({ kind, repository, user }) => [kind, repository, user])

describe('a repository that an upload creates', () => {
  test('is told once, also where several uploads and a push are under way to it', async () => {
    await using journal = await temporaryFolder()
    const told: Event[] = []
    await using log = await openLog(journal.path, () => true, told)
    const [one, other] = [await log.creations.begin(name, who), await log.creations.begin(name, who)]
    one.made(folder, true)
    other.made(folder, false)
    await one.end(folder)
    await other.end(folder)
    const open = await log.pushes.begin({ ...push, refs: [main] }, false)
    await log.pushes.finish(open, [{ ...main, result: 'ok' }])
    assert.deepEqual(kindsOf(told), [
      ['create', name, 'ann'],
      ['push', name, undefined],
    ])
  })

  test('is not told where it was taken back, or somebody else has made it', async () => {
    await using journal = await temporaryFolder()
    const told: Event[] = []
    await using log = await openLog(journal.path, () => true, told)
    const [failed, late] = [await log.creations.begin(name, who), await log.creations.begin(name, who)]
    failed.made(folder, true)
    await failed.end(undefined)
    await late.end(folder)
    assert.deepEqual(told, [])
  })

  test('is told again under this name when it was made again', async () => {
    await using journal = await temporaryFolder()
    const told: Event[] = []
    await using log = await openLog(journal.path, () => true, told)
    for (const _ of [1, 2]) {
      const open = await log.creations.begin(name, who)
      open.made(folder, true)
      await open.end(folder)
    }
    assert.equal(told.length, 2)
  })

  for (const isThere of [true, false]) {
    test(`is told by the next process, once, if it ${isThere ? 'has stayed' : 'was taken back'}`, async () => {
      await using journal = await temporaryFolder()
      {
        await using log = await openLog(journal.path, () => false, [])
        for (const _ of [1, 2]) (await log.creations.begin(name, who)).made(folder, true)
      }
      const told: Event[] = []
      await using log = await openLog(journal.path, () => isThere, told)
      await log.recoverPushes()
      await log.recoverOperations()
      assert.deepEqual(kindsOf(told), isThere ? [['create', name, 'ann']] : [])
    })
  }

  test('is told by the next process once where a push has told it as well', async () => {
    await using journal = await temporaryFolder()
    {
      await using log = await openLog(journal.path, () => true, [])
      ;(await log.creations.begin(name, who)).made(folder, true)
      await log.pushes.begin({ ...push, refs: [main] }, false)
    }
    const told: Event[] = []
    await using log = await openLog(journal.path, () => true, told)
    await log.recoverPushes()
    await log.recoverOperations()
    assert.deepEqual(
      kindsOf(told).map(([kind]) => kind),
      ['create', 'push'],
    )
  })
})
