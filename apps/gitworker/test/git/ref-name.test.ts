import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { tryGit } from '@sluice/shared/testing/git'
import { isRefName } from '../../src/git/ref-name.ts'

test('a name is valid exactly if git accepts it', async () => {
  const valid = ['refs/heads/main', 'refs/heads/übung', 'refs/a', 'refs/heads/a.b@c', 'refs/tags/v1.0-rc.1']
  const invalid = [
    'HEAD',
    'main',
    'refs/',
    'refs//a',
    'refs/heads/a b',
    'refs/heads/.a',
    'refs/heads/a.lock',
    'refs/a..b',
  ]
  valid.push(
    'refs/heads/a\u0080b',
    'refs/heads/a\u0085',
    'refs/heads/foo./bar',
    'refs/heads/a.LOCK',
    'refs/heads/@',
    'refs/a@',
  )
  for (const name of valid) {
    assert.ok(isRefName(name), name)
    assert.equal((await tryGit(tmpdir(), ['check-ref-format', name])).code, 0, name)
  }
  for (const name of [...invalid, 'refs/a/', 'refs/a.', 'refs/a@{1}', 'refs/a\n', 'refs/heads/a.lock/b', '/refs/a']) {
    assert.ok(!isRefName(name), name)
  }
})
