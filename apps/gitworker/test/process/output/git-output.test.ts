import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { Keystream } from '@sluice/shared/testing/keystream'
import { until } from '@sluice/shared/testing/until'
import { GitOutput } from '../../../src/process/output/git-output.ts'

const kibibyte = 1024
const bulk = 4 * kibibyte * kibibyte

/** What a worker's git writes to, and what the supervisor reads it from. */
async function connected(): Promise<AsyncDisposable & { git: Socket; output: GitOutput }> {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder())
  const path = join(folder.path, 'socket')
  const server = createServer().listen(path)
  opened.defer(() => void server.close())
  await once(server, 'listening')
  const accepting = once(server, 'connection') as Promise<[Socket]>
  const git = connect(path)
  opened.defer(() => void git.destroy())
  const [accepted] = await accepting
  const output = new GitOutput(accepted)
  opened.defer(() => void output.destroy())
  const parts = opened.move()
  return { git, output, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

test('output of all sizes arrives whole, in order, and ends', async () => {
  await using it = await connected()
  const { git, output } = it
  const sizes = [5, 8192, 5, 16 * kibibyte, 64 * kibibyte, bulk, 5, 8192, 5, 2 * bulk, 1]
  const written = new Keystream('output')
  for (const size of sizes) git.write(written.next(size))
  git.end()
  const expected = new Keystream('output')
  for await (const chunk of output) assert.equal(expected.difference(chunk as Buffer), undefined)
  assert.equal(expected.position, written.position)
  assert.equal(output.bytesRead, written.position)
})

test('a little that comes after a lot, and is followed by nothing, is passed on', async () => {
  await using it = await connected()
  const { git, output } = it
  let received = 0
  output.on('data', (chunk: Buffer) => (received += chunk.length))
  git.write(Buffer.alloc(2 * bulk))
  await until('the pack to arrive', () => received === 2 * bulk)
  for (let more = 1; more < 100; more++) {
    git.write('a')
    await until('one byte to arrive', () => received === 2 * bulk + more)
  }
})

test('what is not wanted is left in the socket', async () => {
  await using it = await connected()
  const { git, output } = it
  output.pause()
  git.write(Buffer.alloc(8 * bulk))
  await until('reading to stop', async () => {
    const before = output.bytesRead
    await new Promise((resolve) => setTimeout(resolve, 100))
    return before > 0 && output.bytesRead === before
  })
  assert.ok(output.bytesRead < kibibyte * kibibyte, String(output.bytesRead))
  assert.ok(git.writableLength > 0)
})

test('a connection that was lost before is lost', async () => {
  const accepted = new Socket()
  accepted.destroy()
  const output = new GitOutput(accepted)
  await once(output, 'close')
  assert.equal(output.readableEnded, false)
})

test('the end is seen, whether or not anything has come, and so is a destruction', async () => {
  for (const text of ['', 'a']) {
    await using it = await connected()
    it.git.end(text)
    assert.equal((await it.output.toArray()).join(''), text)
  }
  await using it = await connected()
  const closed = once(it.git, 'close')
  it.output.destroy()
  await closed
  assert.equal(it.output.readableEnded, false)
})
