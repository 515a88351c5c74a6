import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { NewRepositories } from '../../src/creation/new-repositories.ts'
import type { NewRepositoriesOptions } from '../../src/creation/new-repositories.ts'

/** Repositories that pushes create in a root that other hosts use, too. */

const execute = promisify(execFile)

async function openIn(folder: string, shared: Pick<NewRepositoriesOptions, 'isShared' | 'mayTakeBack'>) {
  const [root, runFolder] = [join(folder, 'root'), join(folder, 'run')]
  for (const path of [root, runFolder]) await mkdir(path, { recursive: true })
  const jobs: string[] = []
  const runJob = async (args: readonly string[]) => {
    jobs.push(args.join(' '))
    return (await execute('git', [...args])).stdout
  }
  const format = 'sha1' as const
  const repositories = await NewRepositories.open({ root, runFolder, format, runJob, log: silentLog, ...shared })
  return { repositories, jobs, notes: join(runFolder, 'created'), made: join(root, 'new.git') }
}

test('what a push has made in vain is taken back by the primary only', async () => {
  for (const isPrimary of [true, false]) {
    await using folder = await temporaryFolder()
    const asked: string[] = []
    const mayTakeBack = (repository: string) => asked.push(repository) > 0 && isPrimary
    const { repositories, notes, made } = await openIn(folder.path, { isShared: true, mayTakeBack })
    const record: { takenBack?: boolean } = {}
    const visit = repositories.visit('new', 'new', record)
    assert.ok(await visit.create([]))
    assert.deepEqual([existsSync(made), asked], [true, []])
    await visit.leave()
    assert.deepEqual(asked, ['new'])
    assert.deepEqual([existsSync(made), record.takenBack], [!isPrimary, isPrimary ? true : undefined])
    // Nothing that is kept is ever taken back later, by a supervisor that finds a note.
    assert.deepEqual(await readdir(notes), [])
  }
})

test('what a killed supervisor has made stays where other hosts may have it, and nothing is changed in it', async () => {
  for (const isShared of [false, true]) {
    await using folder = await temporaryFolder()
    const options = { isShared, mayTakeBack: () => true }
    const killed = await openIn(folder.path, options)
    const visit = killed.repositories.visit('new', 'new', {})
    assert.ok(await visit.create([]))
    const head = await readFile(join(killed.made, 'HEAD'), 'utf8')
    assert.equal((await readdir(killed.notes)).length, 1)
    const next = await openIn(folder.path, options)
    assert.deepEqual([existsSync(next.made), await readdir(next.notes)], [isShared, []])
    if (!isShared) continue
    assert.equal(await readFile(join(next.made, 'HEAD'), 'utf8'), head)
    assert.deepEqual(next.jobs, [], 'its HEAD is another host’s to set')
  }
})
