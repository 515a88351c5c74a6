import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { call } from '../support/call.ts'

const slot = { slot: 7, lost: ['host-1', 'host-3'], repositories: 4, lastChange: '2026-11-26T05:12:52.711Z' }
const answers = {
  planned: { host: 'host-2', isDone: false, slots: [slot, { ...slot, slot: 9, repositories: 0 }], left: [] },
  done: { host: 'host-2', isDone: true, slots: [slot], left: [{ slot: 8, why: 'host-1 is up and has all of it' }] },
  nothing: { host: 'host-2', isDone: false, slots: [], left: [] },
}

test('sluice cluster force says what would be done and what may be lost, and does it with --yes only', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'administration.sock')
  const asked: unknown[] = []
  let answer: object = answers.planned
  const server = createServer((incoming, outgoing) => {
    const reply = async () => {
      asked.push([incoming.method, incoming.url, JSON.parse(await text(incoming))])
      outgoing.setHeader('Content-Type', 'application/json').end(JSON.stringify(answer))
    }
    void reply()
  }).listen(path)
  await once(server, 'listening')
  const env = { PATH: process.env['PATH'], SLUICE_ADMINISTRATION: `unix:${path}` }
  const force = (...args: string[]) => call(['cluster', 'force', ...args], { env })

  const planned = await force('--slot', '7', '--slot', '9', '--repository', 'team/app')
  assert.equal(planned.exitCode, 0, planned.stderr)
  assert.match(planned.stdout, /Nothing is done yet\. With --yes, host-2 becomes the primary of 2 slots/)
  assert.match(planned.stdout, /7 +host-1, host-3 +4 +2026-11-26/)
  assert.match(planned.stdout, /host-2 has no repository at all of one slot\./)
  answer = answers.done
  const done = await force('--yes', '--slot', '7', '--slot', '8')
  assert.equal(done.exitCode, 1)
  assert.match(done.stdout, /host-2 is the primary of one slot now\.[^]*slot 8: host-1 is up and has all of it/)
  answer = answers.nothing
  assert.match((await force('--all-down')).stdout, /Nothing needs to be forced/)
  server.close()
  assert.deepEqual(asked, [
    ['POST', '/-/cluster/force', { slots: [7, 9], repositories: ['team/app'], dryRun: true }],
    ['POST', '/-/cluster/force', { slots: [7, 8], repositories: [], dryRun: false }],
    ['POST', '/-/cluster/force', { allDown: true, dryRun: true }],
  ])
  for (const args of [[], ['--yes'], ['--all-down', '--slot', '1'], ['--slot', '4096'], ['--slot', '-1']]) {
    assert.equal((await force(...args)).exitCode, 2, args.join(' '))
  }
})

test('sluice cluster force needs a host that runs', async () => {
  await using folder = await temporaryFolder()
  const root = join(folder.path, 'root')
  await mkdir(root)
  const env = { PATH: process.env['PATH'], SLUICE_ROOT: root, SLUICE_RUN_FOLDER: join(folder.path, 'run') }
  const { exitCode, stderr } = await call(['cluster', 'force', '--all-down'], { env })
  assert.equal(exitCode, 1)
  assert.match(stderr, /This host is stopped, or has no copies/)
})
