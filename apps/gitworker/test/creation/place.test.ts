import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { placeFor, placeForCopy } from '../../src/creation/create-repository.ts'

test('nothing is created where another repository could not be beside it; what is there already can be copied', async () => {
  await using folder = await temporaryFolder()
  const root = folder.path
  assert.equal(placeFor(root, 'team/project.git'), join(root, 'team/project.git'))
  assert.equal(placeFor(root, 'team/project/more'), join(root, 'team/project/more.git'))
  const isRefused = (error: unknown) => error instanceof Refusal && /below a name that ends in/.test(error.sentence)
  for (const name of ['team/project.git/more', 'project.GIT/more.git']) {
    assert.throws(() => placeFor(root, name), isRefused)
    assert.equal(placeForCopy(root, name), join(root, `${name.replace(/\.git$/, '')}.git`))
  }
  await mkdir(join(root, 'project'))
  assert.equal(placeFor(root, 'project'), join(root, 'project.git'))
})
