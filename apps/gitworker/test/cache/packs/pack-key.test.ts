import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GitRequest } from '@sluice/shared/git/git-route'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { parseProtocolV2 } from '../../../src/git/protocol-v2.ts'
import { packKeyOf } from '../../../src/cache/packs/pack-key.ts'

const request: GitRequest = {
  kind: 'rpc',
  service: 'upload-pack',
  repository: 'r',
  protocol: 'version=2',
  version: 2,
}
const want = `want ${'1'.repeat(40)}`

function body(args: string[], capabilities: string[] = [], command = 'fetch'): Buffer {
  const lines = (some: string[]) => some.map((line) => pktLine(`${line}\n`)).join('')
  return Buffer.from(`${lines([`command=${command}`, ...capabilities])}0001${lines(args)}${flushPacket}`)
}

const keyOf = (sent: Buffer | undefined, other: { request?: GitRequest; gitDir?: string; build?: string } = {}) =>
  packKeyOf(other.request ?? request, other.gitDir ?? '/r', sent && parseProtocolV2(sent), other.build ?? 'git')

test('requests for the same pack have the same key, whoever sends them', () => {
  const key = keyOf(body([want, 'done']))
  assert.match(key ?? '', /^[\w+/]{43}=$/)
  assert.equal(keyOf(body([want, 'done'], ['agent=git/2.40', 'session-id=x', 'server-option=a'])) === key, false)
  assert.equal(keyOf(body([want, 'done'], ['agent=git/2.40', 'server-option=a'])), key)
})

test('everything that a pack depends on changes the key', () => {
  const sent = body([want, 'done'])
  const keys = [
    keyOf(sent),
    keyOf(body([want, 'thin-pack', 'done'])),
    keyOf(body([want, `have ${'2'.repeat(40)}`, 'done'])),
    keyOf(body([want, 'filter blob:none', 'done'])),
    keyOf(body([want, 'deepen 1', 'done'])),
    keyOf(sent, { gitDir: '/other' }),
    keyOf(sent, { build: 'another git' }),
    keyOf(sent, { request: { ...request, protocol: 'version=2:x' } }),
    keyOf(body([want, 'done'], ['object-format=sha256'])),
  ]
  assert.equal(new Set(keys).size, keys.length)
  assert.ok(!keys.includes(undefined))
})

test('a request that names references, is no fetch, or is not understood has no key', () => {
  const refused = [
    body([want, 'want-ref refs/heads/main', 'done']),
    body([want, 'deepen-not refs/heads/main', 'done']),
    body([want, want.replace('want', 'shallow'), 'deepen 1', 'deepen-relative', 'done']),
    body([want, 'packfile-uris https', 'done']),
    body([want, 'something-new', 'done']),
    body([want, 'done'], ['something-new=1']),
    body([], [], 'ls-refs'),
    body([want, 'done']).subarray(0, -1),
    Buffer.concat([body([want, 'done']), Buffer.from('0000')]),
    Buffer.alloc(0),
    undefined,
  ]
  for (const sent of refused) assert.equal(keyOf(sent), undefined, sent?.toString())
  const sent = body([want, 'done'])
  assert.equal(keyOf(sent, { request: { ...request, version: 1 } }), undefined)
  assert.equal(keyOf(sent, { request: { ...request, service: 'receive-pack' } }), undefined)
})

const hash = 'a'.repeat(40)
const longHash = 'a'.repeat(64)
const sha256 = ['object-format=sha256']
const encoded = (spec: string, times: number): string =>
  times === 0 ? spec : encoded(encodeURIComponent(spec), times - 1)

test('a filter is shared if it means the same whatever the references are', () => {
  const fixed = [
    'blob:none',
    'blob:limit=0',
    'blob:limit=1k',
    'tree:0',
    'object:type=commit',
    `sparse:oid=${hash}`,
    'combine:blob:none+tree:3',
    `combine:tree:1+combine:blob:none%2b${encoded(`sparse:oid=${hash}`, 2)}`,
  ]
  const keys = fixed.map((spec) => keyOf(body([want, `filter ${spec}`, 'done'])))
  assert.ok(!keys.includes(undefined))
  assert.equal(new Set(keys).size, keys.length)
  assert.ok(keyOf(body([want, `filter sparse:oid=${longHash}`, 'done'], sha256)))
})

test('a filter that names something, or is not understood, is not shared', () => {
  const loose = [
    'sparse:oid=main:path',
    'sparse:oid=HEAD',
    `sparse:oid=${hash}:path`,
    `sparse:oid=${hash.slice(1)}`,
    `sparse:oid=${hash}0`,
    `sparse:oid=${hash.toUpperCase()}`,
    `sparse:oid=${longHash}`,
    'sparse:path=x',
    'auto',
    'blob:limit=-1',
    'tree:x',
    'something:new',
    'blob:none ',
    'blob:none\nwant',
    'combine:',
    'combine:blob:none+sparse:oid=main:path',
    `combine:blob:none+${encoded('sparse:oid=main:path', 1)}`,
    `combine:tree:1+combine:blob:none%2b${encoded('sparse:oid=main:path', 2)}`,
    'combine:blob:none+%ff',
    'combine:blob:none+%zz',
    'combine:blob:none+bl%6Fb%3Anone%00',
    `${'combine:'.repeat(8000)}blob:none`,
  ]
  for (const spec of loose) assert.equal(keyOf(body([want, `filter ${spec}`, 'done'])), undefined, spec)
  assert.equal(keyOf(body([want, `filter sparse:oid=${hash}`, 'done'], sha256)), undefined)
})
