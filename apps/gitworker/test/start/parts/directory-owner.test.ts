import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { until } from '@sluice/shared/testing/until'
import { isOwned, ownFolder } from '../../../src/start/parts/directory-owner.ts'

const source = new URL('../../../src/start/parts/directory-owner.ts', import.meta.url).href

/** Another process that tries to own the folder, prints `owned` or `taken`, and keeps running. */
function startOwner(folder: string, before: readonly string[] = []) {
  const program = `
    const { ownFolder } = await import('${source}')
    const owned = await ownFolder(${JSON.stringify(folder)})
    console.log(owned ? 'owned' : 'taken')
    setInterval(() => {}, 1000)
  `
  const args = [...before, process.execPath, '--input-type=module', '-e', program]
  const child = spawn('env', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const gone = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await gone
  }
  return { says: () => until('its word', () => said.trim() || undefined), kill, [Symbol.asyncDispose]: kill }
}

test('a folder has one owner at a time, and is free again when that one ends, in whatever way', async () => {
  await using folder = await temporaryFolder()
  // Longer than the path of a socket may be.
  const path = join(folder.path, 'x'.repeat(120))
  await mkdir(path)
  const first = await ownFolder(path)
  assert.ok(first)
  assert.equal(await ownFolder(path), undefined)
  assert.equal(await isOwned(path), true)
  await first[Symbol.asyncDispose]()
  assert.deepEqual(await readdir(path), [])
  const other = startOwner(path)
  assert.equal(await other.says(), 'owned')
  assert.equal(await ownFolder(path), undefined)
  await other.kill()
  assert.equal(await isOwned(path), false)
  const left = await readdir(path)
  assert.equal(left.length, 2)
  await writeFile(join(path, 'owner-of-something-else.sock'), '')
  await using again = await ownFolder(path)
  assert.ok(again)
  const found = await readdir(path)
  assert.equal(found.length, 3, 'its own socket and the link to it, and what is nobody’s')
  assert.ok(found.includes('owner-of-something-else.sock'))
  assert.ok(left.every((name) => name === 'owner.sock' || !found.includes(name)))
})

test('of many that start at once, over a dead owner’s socket, one becomes the owner', async () => {
  await using folder = await temporaryFolder()
  const dead = startOwner(folder.path)
  assert.equal(await dead.says(), 'owned')
  await dead.kill()
  const tries = await Promise.all(Array.from({ length: 20 }, () => ownFolder(folder.path)))
  const owners = tries.filter((owner) => owner !== undefined)
  assert.equal(owners.length, 1)
  assert.equal(await isOwned(folder.path), true)
  await owners[0]![Symbol.asyncDispose]()
})

test('an owner in another PID namespace is seen', async (t) => {
  const unshare = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
  if (spawnSync('env', [...unshare, 'true']).status !== 0) {
    return t.skip('no right to make a PID namespace')
  }
  await using folder = await temporaryFolder()
  await using other = startOwner(folder.path, unshare)
  assert.equal(await other.says(), 'owned')
  assert.equal(await ownFolder(folder.path), undefined)
})
