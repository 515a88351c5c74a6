import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseGitRequest, targetOf } from '../../src/git/git-route.ts'
import { Refusal } from '../../src/refusal/refusal.ts'

const parse = (url: string, method = 'GET') => parseGitRequest({ method, url, headers: {} })

function reasonOf(url: string, method?: string): string {
  try {
    parse(url, method)
    return 'accepted'
  } catch (error) {
    return error instanceof Refusal ? error.reason : String(error)
  }
}

test('an archive is asked for by a reference and an ending, with the rights of a fetch', () => {
  assert.deepEqual(parse('/team/project.git/archive/main.tar.gz'), {
    kind: 'archive',
    service: 'upload-pack',
    repository: 'team/project.git',
    archive: { ref: 'main', format: 'tar.gz' },
    protocol: undefined,
    version: 0,
  })
  assert.equal(parse('/x/archive/v1.0.zip', 'HEAD').kind, 'archive')
})

test('a reference may have slashes, and a repository a part that is called archive', () => {
  for (const [path, repository, ref] of [
    ['/x.git/archive/refs/heads/a/b.zip', 'x.git', 'refs/heads/a/b'],
    ['/x/archive/a/b.zip', 'x', 'a/b'],
    ['/x.git/archive/a/archive/b.zip', 'x.git', 'a/archive/b'],
    ['/archive/x.git/archive/a.zip', 'archive/x.git', 'a'],
    ['/team/archive/x.git/archive/a.zip', 'team/archive/x.git', 'a'],
    ['/team/archive/x.GIT/archive/a.tar.gz.zip', 'team/archive/x.GIT', 'a.tar.gz'],
    ['/x.git/archive/%61%2Fb%20c.zip', 'x.git', 'a/b c'],
  ] as const) {
    const request = parse(path)
    assert.deepEqual([request.repository, request.archive?.ref], [repository, ref], path)
    assert.deepEqual(parse(targetOf(request)), request, path)
  }
})

test('what is not the name of an archive is told so, and other addresses stay what they were', () => {
  for (const path of ['main', 'main.tar', 'main.tar.bz2', 'main.ZIP', '.zip', '', `${'a'.repeat(1025)}.zip`]) {
    assert.equal(reasonOf(`/x.git/archive/${path}`), 'bad_archive_name', path)
  }
  assert.equal(reasonOf('/x.git/archive/main.zip', 'POST'), 'wrong_method')
  assert.equal(reasonOf('/a/../x.git/archive/main.zip'), 'bad_name')
  assert.equal(reasonOf('/team/archive/x'), 'not_a_git_address')
  const { kind, repository } = parse('/x.git/archive/y.zip/info/refs?service=git-upload-pack')
  assert.deepEqual([kind, repository], ['advertisement', 'x.git/archive/y.zip'])
})
