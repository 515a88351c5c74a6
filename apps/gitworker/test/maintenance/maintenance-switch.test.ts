import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, tryGit } from '@sluice/shared/testing/git'
import { readMaintenanceSwitch } from '../../src/maintenance/maintenance-switch.ts'
import type { RunJob } from '../../src/process/job/job.ts'

test('a repository says whether it is maintained, and what of it is left alone', async () => {
  await using folder = await temporaryFolder()
  const repository = join(folder.path, 'a.git')
  await git(folder.path, ['init', '--quiet', '--bare', repository])
  let asked = 0
  const runJob: RunJob = async (args) => {
    asked++
    return (await tryGit(folder.path, [...args])).stdout
  }
  const usual = { isOn: true, isPrecious: false, packsRefs: true, bigPackBytes: undefined }
  assert.deepEqual(await readMaintenanceSwitch(repository, runJob), usual)
  assert.equal(asked, 0, 'nearly none says anything')
  for (const [name, value, says] of [
    ['maintenance.auto', 'false', { isOn: false }],
    ['maintenance.auto', 'true', {}],
    ['gc.packRefs', 'no', { packsRefs: false }],
    ['gc.packRefs', 'notbare', { packsRefs: false }],
    ['gc.bigPackThreshold', '2g', { bigPackBytes: 2 ** 31 }],
    ['gc.bigPackThreshold', '0', {}],
    ['gc.auto', '0', {}],
    ['extensions.preciousObjects', 'true', { isPrecious: true }],
  ] as const) {
    await git(repository, ['config', name, value])
    assert.deepEqual(await readMaintenanceSwitch(repository, runJob), { ...usual, ...says }, `${name}=${value}`)
    await git(repository, ['config', '--unset', name])
  }
  await git(folder.path, ['init', '--quiet', 'work'])
  const gitDir = join(folder.path, 'work/.git')
  await git(gitDir, ['config', 'gc.packRefs', 'notbare'])
  assert.ok((await readMaintenanceSwitch(gitDir, runJob)).packsRefs)
})
