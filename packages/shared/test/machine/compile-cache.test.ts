import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../../testing/folder.ts'

const source = new URL('../../src/machine/compile-cache.ts', import.meta.url).href
const script = `
  import { getCompileCacheDir } from 'node:module'
  const { useCompileCache } = await import(process.argv[1])
  useCompileCache(process.argv[2])
  process.stdout.write(getCompileCacheDir() ?? 'none')
`

/** The folder in which a process that owns this folder keeps compiled code. */
function cacheOf(owned: string): string {
  const args = ['--input-type=module', '--eval', script, source, owned]
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { env: {} })
  assert.equal(status, 0, stderr.toString())
  return stdout.toString()
}

test('compiled code is kept in a folder that only its user can write to', async () => {
  await using folder = await temporaryFolder()
  const owned = join(folder.path, 'run')
  assert.ok(cacheOf(owned).startsWith(join(owned, 'compile-cache')))
  assert.ok(cacheOf(owned).startsWith(join(owned, 'compile-cache')))
  await chmod(join(owned, 'compile-cache'), 0o777)
  assert.equal(cacheOf(owned), 'none')
  await chmod(join(owned, 'compile-cache'), 0o700)
  await chmod(owned, 0o770)
  assert.equal(cacheOf(owned), 'none')
})

test('links, files and folders that cannot be created are not used', async () => {
  await using folder = await temporaryFolder()
  const elsewhere = join(folder.path, 'elsewhere')
  const owned = join(folder.path, 'run')
  await mkdir(elsewhere)
  await mkdir(owned)
  await symlink(elsewhere, join(owned, 'compile-cache'))
  assert.equal(cacheOf(owned), 'none')
  await symlink(owned, join(folder.path, 'link'))
  assert.equal(cacheOf(join(folder.path, 'link')), 'none')
  const missing = join(folder.path, 'missing')
  assert.equal(cacheOf(join(missing, 'run')), 'none')
  assert.equal(existsSync(missing), false)
  assert.equal(cacheOf('/proc/none'), 'none')
})
