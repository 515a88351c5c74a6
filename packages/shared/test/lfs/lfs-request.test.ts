import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lfsMediaType } from '../../src/lfs/media-type.ts'
import {
  asksForLfs,
  countsTwice,
  isLfs,
  isWrite,
  methodOf,
  parseRemoteRequest,
  targetOf,
} from '../../src/lfs/remote-request.ts'
import { Refusal } from '../../src/refusal/refusal.ts'

const oid = 'ab'.repeat(32)
const headers = { 'content-type': `${lfsMediaType}; charset=utf-8` }
const parse = (method: string, url: string) => parseRemoteRequest({ method, url, headers })

/** What the request asks, whether it needs the right to write, and whether twice is not as once. */
const asked: [method: string, below: string, writes: boolean, twice: boolean, fields: object][] = [
  ['POST', '/objects/batch', true, false, { kind: 'batch', operation: undefined }],
  ['POST', '/objects/batch?operation=upload', true, false, { kind: 'batch', operation: 'upload' }],
  ['POST', '/objects/batch?operation=download', false, false, { kind: 'batch', operation: 'download' }],
  ['GET', `/objects/${oid}`, false, false, { kind: 'download', oid }],
  ['PUT', `/objects/${oid}`, true, false, { kind: 'upload', oid }],
  ['POST', '/objects/verify', true, false, { kind: 'verify' }],
  ['GET', '/locks', false, false, { kind: 'locks', action: 'list', lock: undefined, query: '' }],
  [
    'GET',
    '/locks?path=a%20b&limit=3',
    false,
    false,
    { kind: 'locks', action: 'list', lock: undefined, query: 'path=a%20b&limit=3' },
  ],
  ['POST', '/locks', true, true, { kind: 'locks', action: 'create', lock: undefined, query: '' }],
  ['POST', '/locks/verify', true, true, { kind: 'locks', action: 'verify', lock: undefined, query: '' }],
  ['POST', '/locks/a-17/unlock', true, true, { kind: 'locks', action: 'unlock', lock: 'a-17', query: '' }],
]

for (const [method, below, writes, twice, fields] of asked) {
  test(`${method} info/lfs${below} is read, and written again for a host`, () => {
    const target = `/team/one%20two.git/info/lfs${below}`
    const request = parse(method, target)
    assert.deepEqual(request, { service: 'lfs', repository: 'team/one two.git', ...fields })
    assert.deepEqual([isWrite(request), countsTwice(request), methodOf(request)], [writes, twice, method])
    assert.equal(targetOf(request), target)
    assert.deepEqual(parse(method, targetOf(request)), request)
  })
}

test('a repository may itself be called info/lfs', () => {
  assert.equal(parse('GET', `/a/info/lfs.git/info/lfs/objects/${oid}`).repository, 'a/info/lfs.git')
  const advertised = parse('GET', '/a/info/lfs/b.git/info/refs?service=git-upload-pack')
  assert.deepEqual([isLfs(advertised), advertised.repository], [false, 'a/info/lfs/b.git'])
})

test('only addresses of LFS are taken for such, however they are encoded', () => {
  const are = ['/a/info/lfs', '/a/info/lfs/', '/a/info/lfs/x', '/a/%69nfo/lfs/objects/batch', '/a//info/lfs/locks?x']
  for (const target of are) assert.equal(asksForLfs(target), true, target)
  const areNot = [
    '/info/lfs',
    '/a/info/lfsx',
    '/a/info/lf',
    '/a/info/lfs.git',
    '/a/info/lfs/info/refs',
    '/%ff/lfs',
    undefined,
  ]
  for (const target of areNot) assert.equal(asksForLfs(target), false, target)
})

const wrong: [method: string, target: string, reason: string][] = [
  ['GET', '/a.git/info/lfs', 'lfs_unknown_address'],
  ['GET', '/a.git/info/lfs/objects', 'lfs_unknown_address'],
  ['GET', `/a.git/info/lfs/objects/${oid}/x`, 'lfs_unknown_address'],
  ['POST', '/a.git/info/lfs/locks/a.b/unlock', 'lfs_unknown_address'],
  ['GET', `/a.git/info/lfs/objects/${oid.toUpperCase()}`, 'lfs_bad_object_name'],
  ['PUT', `/a.git/info/lfs/objects/${oid}0`, 'lfs_bad_object_name'],
  ['PUT', '/a.git/info/lfs/objects/..', 'lfs_bad_object_name'],
  ['PUT', '/a.git/info/lfs/objects/batch', 'wrong_method'],
  ['DELETE', `/a.git/info/lfs/objects/${oid}`, 'wrong_method'],
  ['constructor', `/a.git/info/lfs/objects/${oid}`, 'wrong_method'],
  ['GET', `/a/../b.git/info/lfs/objects/${oid}`, 'bad_name'],
  ['GET', `/a.lock/info/lfs/objects/${oid}`, 'bad_name'],
  ['GET', `/a.git/info/lfs/locks?${'x'.repeat(5000)}`, 'bad_address'],
]

for (const [method, target, reason] of wrong) {
  test(`${method} ${target.slice(0, 80)} is refused: ${reason}`, () => {
    assert.throws(
      () => parse(method, target),
      (error: unknown) => error instanceof Refusal && error.reason === reason,
    )
  })
}
