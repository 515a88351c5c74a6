import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { FactsReader } from '../../src/administration/look/repository-facts.ts'
import { Trash } from '../../src/administration/trash/trash.ts'

test('a pipe in the place of a description or a note of the trash hangs nobody', async () => {
  await using folder = await temporaryFolder()
  await git(folder.path, ['init', '--quiet', '--bare', 'a.git'])
  const gitDir = join(folder.path, 'a.git')
  const facts = new FactsReader(folder.path, { isEmpty: true, sentenceFor: () => undefined }, () => assert.fail())
  putPipe(join(gitDir, 'description'))
  assert.equal((await facts.of(gitDir, 'a')).description, '')

  const trash = new Trash(folder.path, undefined)
  const { id } = trash.prepare('a', { absolute: gitDir, relative: 'a.git' }, '')
  putPipe(join(folder.path, '.sluice-trash.lock', id, 'note.json'))
  assert.deepEqual(await trash.list(), [])
})

function putPipe(path: string): void {
  rmSync(path)
  execFileSync('mkfifo', [path])
}
