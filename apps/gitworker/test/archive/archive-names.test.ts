import assert from 'node:assert/strict'
import { test } from 'node:test'
import { archiveFolder, attachment } from '../../src/archive/archive-names.ts'

const folder = (repository: string, ref: string) => archiveFolder(repository, { ref, format: 'zip' })

test('the folder is called by the repository and the reference, and is one folder', () => {
  assert.equal(folder('team/project.git', 'main'), 'project-main')
  assert.equal(folder('project/.git', 'refs/tags/v1.0'), 'project-v1.0')
  assert.equal(folder('p', 'feature/a/b'), 'p-feature-a-b')
})

test('a long name is cut between two characters', () => {
  const cut = folder(`${'é'.repeat(100)}.git`, 'ü'.repeat(100))
  assert.equal(Buffer.byteLength(cut), 239)
  assert.ok(cut.isWellFormed() && cut.endsWith('ü'))
})

test('no name of a file ends the header or its quotation marks', () => {
  assert.equal(attachment('p-main.zip'), 'attachment; filename="p-main.zip"')
  assert.equal(
    attachment(`a "b';\\é.zip`),
    `attachment; filename="a__b____.zip"; filename*=UTF-8''a%20%22b%27%3B%5C%C3%A9.zip`,
  )
})
