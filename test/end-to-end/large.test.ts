import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { git } from '@sluice/shared/testing/git'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** 300 MB that do not compress, pushed in chunks and cloned again. */

let stack: Stack
before(async () => {
  stack = await startStack()
})
after(() => stack[Symbol.asyncDispose]())

const megabyte = 2 ** 20
const size = 300 * megabyte

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

test('300 MB are pushed in one chunked body, after a probe, and cloned unchanged', async () => {
  const work = join(stack.folder, 'work')
  await mkdir(work)
  await git(work, ['init', '--quiet'])
  {
    await using file = await open(join(work, 'large.bin'), 'w')
    for (let written = 0; written < size; written += megabyte) await file.write(randomBytes(megabyte))
  }
  const expected = await sha256(join(work, 'large.bin'))
  // Off, because the test is about the way of the bytes and not about zlib.
  const server = join(stack.root, 'large.git')
  await git(stack.folder, ['init', '--quiet', '--bare', server])
  for (const repository of [work, server]) {
    await git(repository, ['config', 'core.compression', '0'])
    await git(repository, ['config', 'core.bigFileThreshold', '1m'])
  }
  await git(work, ['add', '.'])
  await git(work, ['commit', '--quiet', '-m', 'Add a large file'])
  await git(work, ['push', '--quiet', `${stack.url}/large.git`, 'main'])
  await rm(work, { recursive: true })

  // The push's own line may come after git has ended.
  const [probe, push, ...more] = await until('the lines of both', () => {
    const lines = stack.supervisor.lines.filter((line) => line['service'] === 'receive-pack' && line['kind'] === 'rpc')
    return lines.length >= 2 && lines
  })
  assert.deepEqual(more, [])
  assert.equal(probe?.['bytesIn'], 4)
  assert.equal(probe?.['worker'], undefined, 'the probe takes no worker')
  assert.ok(Number(push?.['bytesIn']) > size)

  const clone = join(stack.folder, 'clone')
  await git(stack.folder, ['clone', '--quiet', `${stack.url}/large.git`, clone])
  assert.equal(await sha256(join(clone, 'large.bin')), expected)
})
