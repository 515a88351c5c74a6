import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { writeConfigFiles } from '../../src/git/config-file.ts'

const settings = { packThreads: 1, packWindowMemory: 1 << 20 }

test('git waits for loose objects and references with these files, and not without SLUICE_FSYNC', async () => {
  await using folder = await temporaryFolder()
  const trace = join(folder.path, 'trace')
  await git(folder.path, ['init', '--bare', 'r.git'])
  const flushesOf = async (config: string, args: string[], input = '') => {
    await rm(trace, { force: true })
    const env = { GIT_CONFIG_GLOBAL: config, GIT_TRACE2_EVENT: trace }
    const said = await git(join(folder.path, 'r.git'), args, { env, input })
    return { said, flushes: (await readFile(trace, 'utf8')).match(/hardware-flush/g)?.length ?? 0 }
  }
  const countsFlushes = async () => {
    const all = join(folder.path, 'all')
    await writeFile(all, '[core]\n\tfsync = all\n\tfsyncMethod = fsync\n')
    return (await flushesOf(all, ['hash-object', '-w', '--stdin'], 'probe')).flushes > 0
  }
  if (!(await countsFlushes())) return console.log('Skipped: this git does not say how often it waits for the disk.')
  const [on, off] = [true, false].map((fsync) =>
    writeConfigFiles(join(folder.path, `${fsync}`), { ...settings, fsync }),
  )
  for (const [files, isOnDisk] of [
    [await on!, true],
    [await off!, false],
  ] as const) {
    for (const config of [files.own, files.fetch]) {
      const text = `${isOnDisk} ${config}`
      const { said: id, flushes } = await flushesOf(config, ['hash-object', '-w', '--stdin'], text)
      assert.equal(flushes > 0, isOnDisk, 'a loose object')
      const update = await flushesOf(config, ['update-ref', `refs/tags/${isOnDisk}-${Math.random()}`, id])
      assert.equal(update.flushes > 0, isOnDisk, 'a reference')
    }
  }
})
