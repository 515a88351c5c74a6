import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { foundFromBeforeBoot } from '../../src/sweep/before-boot.ts'
import { StaleLocks } from '../../src/sweep/stale-locks.ts'
import { startOther } from '../support/other-process.ts'

/** A file older than this machine's start has no living owner. */

const long = 1_000_000
const bootSeconds = async () => Number(/^btime (\d+)$/m.exec(await readFile('/proc/stat', 'latin1'))?.[1])

async function make(path: string, seconds?: number): Promise<string> {
  await writeFile(path, '')
  if (seconds !== undefined) await utimes(path, seconds, seconds)
  return path
}

test('a file from before the start is found; a newer or missing one is not', async () => {
  await using folder = await temporaryFolder()
  const at = (name: string) => join(folder.path, name)
  const booted = await bootSeconds()
  assert.ok(foundFromBeforeBoot(await make(at('old'), long), folder.path))
  assert.equal(foundFromBeforeBoot(await make(at('new')), folder.path), undefined)
  assert.equal(foundFromBeforeBoot(await make(at('just-after'), booted + 1), folder.path), undefined)
  assert.equal(foundFromBeforeBoot(at('none'), folder.path), undefined)
})

test('if the clock was set since, a process at work in the repository may be the owner', async (t) => {
  await using folder = await temporaryFolder()
  const booted = await bootSeconds()
  const mounted = (await stat('/proc')).mtimeMs / 1000
  if (booted - mounted < 300) return t.skip('the clock has not been set since the boot')
  const lock = await make(join(folder.path, 'main.lock'), booted - 120)
  await using operator = await startOther({ env: { GIT_DIR: folder.path } })
  assert.equal(foundFromBeforeBoot(lock, folder.path), undefined)
  await operator.end()
  assert.ok(foundFromBeforeBoot(lock, folder.path))
})

test('a push removes what is in its way, and looks once at files that only take up space', async () => {
  await using folder = await temporaryFolder()
  const at = (...names: string[]) => join(folder.path, ...names)
  for (const path of ['objects/pack', 'objects/incoming-abc123', 'objects/incoming-new', 'refs/heads/a']) {
    await mkdir(at(path), { recursive: true })
  }
  for (const name of [
    'packed-refs.lock',
    'refs/heads/a/b.lock',
    'refs/heads/other.lock',
    'notes.lock',
    'shallow_g8yAQp',
  ]) {
    await make(at(name), long)
  }
  await make(at('HEAD.lock'))
  await make(at('packed-refs.new'))
  await mkdir(at('refs/heads/folder.lock'))
  for (const [name, reason] of [
    ['push', `receive-pack 12 on ${hostname()}`],
    ['other-host', 'receive-pack 12 on elsewhere'],
    ['reason', 'precious'],
  ]) {
    await writeFile(at(`objects/pack/pack-${name}.keep`), `${reason}\n`)
    await utimes(at(`objects/pack/pack-${name}.keep`), long, long)
  }
  for (const name of ['objects/incoming-abc123', 'refs/heads/folder.lock']) await utimes(at(name), long, long)
  const staleLocks = new StaleLocks({ isShared: false })
  const none = '0'.repeat(40)
  const commands = [
    'refs/heads/a/b',
    'refs/heads/folder',
    '../../etc/x',
    `refs/heads/${'x'.repeat(250)}`,
    'refs/heads/a/b/c',
  ].map((ref) => ({ oldId: none, newId: none, ref }))
  assert.deepEqual(
    (await staleLocks.remove(folder.path, commands))?.toSorted(),
    [
      'objects/incoming-abc123',
      'objects/pack/pack-push.keep',
      'packed-refs.lock',
      'packed-refs.new',
      'refs/heads/a/b.lock',
      'shallow_g8yAQp',
    ].map((name) => at(name)),
  )
  assert.deepEqual((await readdir(at('objects'))).toSorted(), ['incoming-new', 'pack'])
  assert.deepEqual((await readdir(at('refs/heads'))).toSorted(), ['a', 'folder.lock', 'other.lock'])
  assert.equal(await staleLocks.remove(folder.path, commands), undefined)
})

test('in a folder that other hosts use, too, nothing is removed for its age; git’s own lock still proves what it proves', async () => {
  await using folder = await temporaryFolder()
  const at = (...names: string[]) => join(folder.path, ...names)
  for (const path of ['objects/pack', 'objects/incoming-abc123', 'refs/heads'])
    await mkdir(at(path), { recursive: true })
  const locks = ['HEAD.lock', 'packed-refs.lock', 'refs/heads/main.lock', 'shallow_g8yAQp']
  for (const name of locks) await make(at(name), long)
  await writeFile(at('objects/pack/pack-push.keep'), `receive-pack 12 on ${hostname()}\n`)
  for (const name of ['objects/pack/pack-push.keep', 'objects/incoming-abc123']) await utimes(at(name), long, long)
  await make(at('packed-refs.new'), long)
  const staleLocks = new StaleLocks({ isShared: true })
  const none = '0'.repeat(40)
  const commands = [{ oldId: none, newId: none, ref: 'refs/heads/main' }]
  const before = await readdir(folder.path, { recursive: true })
  assert.equal(await staleLocks.remove(folder.path, commands), undefined)
  assert.deepEqual(await readdir(folder.path, { recursive: true }), before)
  await rm(at('packed-refs.lock'))
  assert.deepEqual(await staleLocks.remove(folder.path, commands), [at('packed-refs.new')])
})
