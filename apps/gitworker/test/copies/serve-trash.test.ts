import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { serveHttp } from '@sluice/shared/testing/serve-http'
import { Terms } from '../../src/copies/copy/term/terms.ts'
import { RepositoryTurns } from '../../src/copies/repository-turns.ts'
import { servePurge } from '../../src/copies/server/serve-trash.ts'
import type { TrashServices } from '../../src/copies/server/serve-trash.ts'

test('a new repository of a name is followed while an old one is being removed', async () => {
  await using folder = await temporaryFolder()
  const root = folder.path
  const turns = new RepositoryTurns()
  const record = { primary: 'one', copies: ['one', 'two'], inSync: ['one', 'two'], next: undefined, term: 7 }
  const left = [{ isRemoved: true, dropped: 2 }]
  const remove = async () => {
    const done = left.shift()
    if (!done) return { isRemoved: false, dropped: 0 }
    await turns.take('project', async () => {})
    return done
  }
  const view = { name: 'two', slot: () => record }
  const trashHere = { list: async () => [], remove }
  const services = { root, view, terms: await Terms.open(root), turns, trashHere, log: silentLog }
  await using server = await serveHttp((incoming, outgoing) => {
    void servePurge(services as unknown as TrashServices, incoming, outgoing)
  })
  const { port } = server
  const told = { repository: 'project', id: '20260101T000000Z-01234567', withDropped: true, term: 7, primary: 'one' }
  const answer = await fetch(`http://127.0.0.1:${port}`, { method: 'POST', body: JSON.stringify(told) })
  assert.deepEqual(JSON.parse(await answer.text()), { isRemoved: true, dropped: 2, hasIt: false })
})
