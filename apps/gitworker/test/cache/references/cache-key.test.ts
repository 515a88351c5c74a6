import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseGitRequest } from '@sluice/shared/git/git-route'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { parseProtocolV2 } from '../../../src/git/protocol-v2.ts'
import { lsRefsKey } from '../../../src/cache/references/ls-refs.ts'
import { cacheKeyOf } from '../../../src/cache/references/cache-key.ts'
import { advertisement, lsRefs } from '../../support/git-replies.ts'
import type { Asked } from '../../support/git-replies.ts'

const keyFor = ({ request, body }: Asked, build = '2.39.5') =>
  cacheKeyOf(request, '/srv/r.git', body && parseProtocolV2(body), build)

function lsRefsRequest() {
  const { request, body } = lsRefs([])
  return { request, body: body && parseProtocolV2(body) }
}

test('capabilities do not depend on refs; every other advertisement does', () => {
  const kinds = [
    keyFor(advertisement('upload-pack', 'version=2')),
    keyFor(advertisement('upload-pack', 'version=1')),
    keyFor(advertisement('upload-pack')),
    keyFor(advertisement('receive-pack', 'version=2')),
    keyFor(lsRefs([])),
  ].map((key) => key?.kind)
  assert.deepEqual(kinds, ['capabilities', 'refs', 'refs', 'refs', 'refs'])
})

test('everything that changes git’s reply changes the key', () => {
  const keys = [
    keyFor(advertisement('upload-pack')),
    keyFor(advertisement('upload-pack'), '2.55.0'),
    keyFor(advertisement('upload-pack', 'version=1')),
    keyFor(advertisement('upload-pack', 'version=2')),
    keyFor(advertisement('receive-pack')),
    keyFor(advertisement('receive-pack', 'version=1')),
    keyFor(lsRefs([])),
    keyFor(lsRefs([]), '2.55.0'),
    keyFor(lsRefs(['peel'])),
    keyFor(lsRefs(['symrefs'])),
    keyFor(lsRefs(['unborn'])),
    keyFor(lsRefs(['ref-prefix refs/heads/'])),
    keyFor(lsRefs(['ref-prefix refs/tags/'])),
    keyFor(lsRefs(['ref-prefix refs/heads/', 'ref-prefix refs/tags/'])),
    keyFor(lsRefs([], ['object-format=sha1'])),
    keyFor(lsRefs([], ['object-format=sha256'])),
    keyFor(lsRefs([], ['session-id=1'])),
  ].map((key) => key?.variant)
  assert.equal(new Set(keys).size, keys.length)
  assert.ok(!keys.includes(undefined))
})

test('what git ignores does not change the key', () => {
  const same = (a: Asked, b: Asked) => assert.deepEqual(keyFor(a), keyFor(b))
  same(advertisement('upload-pack'), advertisement('upload-pack', 'version=0'))
  same(
    lsRefs(['peel\n'], ['agent=git/2.39.5\n']),
    lsRefs(['peel'], ['agent=jgit', 'server-option=a', 'server-option=b']),
  )
  same(lsRefs([], ['session-id=1']), lsRefs([], ['session-id=2\n', 'agent=x']))
})

test('what a later git may look at changes the key', () => {
  const { request, body } = lsRefsRequest()
  const other = cacheKeyOf({ ...request, protocol: 'version=2:hurry' }, '/srv/r.git', body, '2.39.5')
  assert.ok(other)
  assert.notEqual(other.variant, keyFor(lsRefs([]))?.variant)
})

test('the traits that make a reply uncacheable are named', () => {
  assert.deepEqual(keyFor(advertisement('upload-pack', 'version=2'))?.uncacheableBecause, ['session-id'])
  assert.deepEqual(keyFor(advertisement('upload-pack'))?.uncacheableBecause, ['session-id'])
  const push = ['session-id', 'push-certificate', 'alternates']
  assert.deepEqual(keyFor(advertisement('receive-pack'))?.uncacheableBecause, push)
  assert.deepEqual(keyFor(lsRefs([]))?.uncacheableBecause, [])
})

test('packs, pushes and earlier versions of the protocol have no key', () => {
  const { request, body } = lsRefsRequest()
  assert.ok(cacheKeyOf(request, '/srv/r.git', body, ''))
  assert.equal(cacheKeyOf(request, '/srv/r.git', undefined, ''), undefined, 'a body that was not read whole')
  assert.equal(cacheKeyOf({ ...request, version: 1 }, '/srv/r.git', body, ''), undefined)
  const push = parseGitRequest({
    method: 'POST',
    url: '/r.git/git-receive-pack',
    headers: { 'git-protocol': 'version=2', 'content-type': 'application/x-git-receive-pack-request' },
  })
  assert.equal(cacheKeyOf(push, '/srv/r.git', body, ''), undefined)
})

const start = pktLine('command=ls-refs\n')

test('the shortest request is understood', () => {
  assert.equal(lsRefsKey(parseProtocolV2(Buffer.from(start + flushPacket))), '')
})

test('a command may come after capabilities, as git takes it', () => {
  assert.equal(lsRefsKey(parseProtocolV2(Buffer.from(pktLine('agent=x') + start + flushPacket))), '')
})

for (const [what, body] of Object.entries({
  'nothing': '',
  'a flush packet alone': flushPacket,
  'no end': start,
  'something after the end': start + flushPacket + flushPacket,
  'a cut line': start.slice(0, -1),
  'a line that is longer than the body': `${start}00ffpeel`,
  'what is no length': `${start}00xx${flushPacket}`,
  'another command': pktLine('command=fetch\n') + flushPacket,
  'a longer command': pktLine('command=ls-refs-2\n') + flushPacket,
  'two commands': start + start + flushPacket,
  'an unknown capability': `${start}${pktLine('hurry')}0001${flushPacket}`,
  'an unknown argument': `${start}0001${pktLine('shallow-only')}${flushPacket}`,
  'an argument among capabilities': start + pktLine('peel') + flushPacket,
  'a capability among arguments': `${start}0001${pktLine('agent=x')}${flushPacket}`,
  'two delimiters': `${start}00010001${flushPacket}`,
  'a delimiter first': `0001${start}${flushPacket}`,
  'the end of a response': `${start}0002${flushPacket}`,
  'a NUL in a prefix': `${start}0001${pktLine('ref-prefix a\0b')}${flushPacket}`,
  'a NUL in an agent': start + pktLine('agent=a\0b') + flushPacket,
  'two line feeds': `${start}0001${pktLine('peel\n\n')}${flushPacket}`,
})) {
  test(`not understood: ${what}`, () => {
    assert.equal(lsRefsKey(parseProtocolV2(Buffer.from(body))), undefined)
  })
}
