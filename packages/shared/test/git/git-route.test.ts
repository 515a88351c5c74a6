import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseGitRequest, targetOf } from '../../src/git/git-route.ts'
import { Refusal } from '../../src/refusal/refusal.ts'

const advertisement = '/info/refs?service=git-upload-pack'

function reasonOf(request: Parameters<typeof parseGitRequest>[0]): string {
  try {
    parseGitRequest(request)
    return 'accepted'
  } catch (error) {
    return error instanceof Refusal ? error.reason : String(error)
  }
}

const get = (url: string, headers = {}) => ({ method: 'GET', url, headers })

test('an advertisement is recognised by its address and its query', () => {
  assert.deepEqual(parseGitRequest(get('/team/project.git/info/refs?service=git-receive-pack')), {
    kind: 'advertisement',
    service: 'receive-pack',
    repository: 'team/project.git',
    protocol: undefined,
    version: 0,
  })
})

test('a fetch and a push are recognised by their addresses and types', () => {
  for (const service of ['upload-pack', 'receive-pack']) {
    const headers = { 'content-type': `application/x-git-${service}-request`, 'git-protocol': 'version=2' }
    const request = parseGitRequest({ method: 'POST', url: `/x/git-${service}`, headers })
    assert.deepEqual(request, { kind: 'rpc', service, repository: 'x', protocol: 'version=2', version: 2 })
  }
})

test('names are decoded once: what is encoded twice stays encoded', () => {
  assert.equal(parseGitRequest(get(`/a%20b/%252e%252e.git${advertisement}`)).repository, 'a b/%2e%2e.git')
  assert.equal(parseGitRequest(get(`/a+b%2Fc${advertisement}`)).repository, 'a+b/c')
})

test('raw UTF-8 arrives as Latin-1 from Node and is read as UTF-8', () => {
  const raw = Buffer.from('/日本.git').toString('latin1')
  assert.equal(parseGitRequest(get(raw + advertisement)).repository, '日本.git')
})

test('an absolute address is the same as its path', () => {
  assert.equal(parseGitRequest(get(`http://host:80/x.git${advertisement}`)).repository, 'x.git')
})

test('a name may contain the name of an endpoint', () => {
  assert.equal(
    parseGitRequest(get(`/info/refs/git-upload-pack${advertisement}`)).repository,
    'info/refs/git-upload-pack',
  )
})

test('several slashes are one, wherever they are and however they are written', () => {
  for (const path of [
    '//a/b.git',
    '/a//b.git',
    '/a/b.git/',
    '/a/b.git//',
    '///a/%2f/b.git/%2F',
    'http://host//a/b.git',
  ]) {
    assert.equal(parseGitRequest(get(path + advertisement)).repository, 'a/b.git', path)
  }
  // Names that are refused with single slashes are refused here, too.
  for (const path of ['//../b.git', '/a//../b.git', '/.//b.git']) {
    assert.equal(reasonOf(get(path + advertisement)), 'bad_name', path)
  }
})

test('HEAD asks for an advertisement as GET does, and for nothing else', () => {
  const head = { ...get(`/x${advertisement}`), method: 'HEAD' }
  assert.deepEqual(parseGitRequest(head), parseGitRequest(get(`/x${advertisement}`)))
  assert.equal(reasonOf({ ...get('/x/git-upload-pack'), method: 'HEAD' }), 'wrong_method')
})

test('a repository needs a name', () => {
  assert.equal(reasonOf(get(advertisement)), 'not_a_git_address')
  assert.equal(reasonOf(get(`/${advertisement}`)), 'not_a_git_address')
})

test('bad encodings are refused', () => {
  for (const path of ['/%', '/%4', '/%zz', '/%ff', '/%c0%af', '/%ed%a0%80']) {
    assert.equal(reasonOf(get(path + advertisement)), 'bad_address', path)
  }
})

test('the protocol version is the highest that a key names', () => {
  const version = (header: string) => parseGitRequest(get(`/x${advertisement}`, { 'git-protocol': header })).version
  assert.equal(version('version=1'), 1)
  assert.equal(version('version=2'), 2)
  assert.equal(version('version=1:version=2:other'), 2)
  assert.equal(version('version=3'), 0)
  assert.equal(version('versions=2'), 0)
})

test('a Git-Protocol of another form is refused', () => {
  for (const header of ['', ' ', 'a=b c', 'version=2\0', 'a'.repeat(257), 'a=b=c', ':a', 'a:', '--upload-pack=x;y']) {
    assert.equal(reasonOf(get(`/x${advertisement}`, { 'git-protocol': header })), 'bad_protocol', header)
  }
})

test('the address for the next server leads to the same request, for every name', () => {
  for (const repository of ['a b/c.git', '100%.git', 'a?b#c.git', '日本/+&=.git', "it's.git", 'info/refs']) {
    for (const suffix of [advertisement, '/info/refs?service=git-receive-pack']) {
      const request = parseGitRequest(
        get(
          repository
            .split('/')
            .map((part) => `/${encodeURIComponent(part)}`)
            .join('') + suffix,
        ),
      )
      assert.equal(request.repository, repository)
      assert.deepEqual(parseGitRequest(get(targetOf(request))), request)
    }
  }
})

test('a bundle is asked for by the commit that it leads to, with the rights of a fetch', () => {
  const id = 'a1'.repeat(20)
  const request = parseGitRequest(get(`/team/bundles/x.git/bundles/${id}.bundle`))
  const { kind, service, repository, bundle } = request
  assert.deepEqual([kind, service, repository, bundle], ['bundle', 'upload-pack', 'team/bundles/x.git', id])
  assert.deepEqual(parseGitRequest(get(targetOf(request))), request)
  for (const name of ['main.bundle', id, `${id}0.bundle`, `${id.toUpperCase()}.bundle`, `x/${id}.bundle`]) {
    assert.equal(reasonOf(get(`/x.git/bundles/${name}`)), 'not_a_git_address', name)
  }
})
