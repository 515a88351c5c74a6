import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseGitRequest } from '@sluice/shared/git/git-route'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { parseProtocolV2 } from '../../../src/git/protocol-v2.ts'
import { lsRefsKey } from '../../../src/cache/references/ls-refs.ts'
import { questionOf } from '../../../src/cache/references/cache-key.ts'
import { advertisement, lsRefs } from '../../support/git-replies.ts'
import type { Asked } from '../../support/git-replies.ts'

const question = ({ request, body }: Asked, build = '2.39.5') =>
  questionOf(request, '/srv/r.git', body && parseProtocolV2(body), build)

function lsRefsRequest() {
  const { request, body } = lsRefs([])
  return { request, body: body && parseProtocolV2(body) }
}

test('capabilities do not depend on refs; every other advertisement does', () => {
  const kinds = [
    question(advertisement('upload-pack', 'version=2')),
    question(advertisement('upload-pack', 'version=1')),
    question(advertisement('upload-pack')),
    question(advertisement('receive-pack', 'version=2')),
    question(lsRefs([])),
  ].map((asked) => asked?.kind)
  assert.deepEqual(kinds, ['capabilities', 'refs', 'refs', 'refs', 'refs'])
})

test('whatever git answers differently to is another question', () => {
  const keys = [
    question(advertisement('upload-pack')),
    question(advertisement('upload-pack'), '2.55.0'),
    question(advertisement('upload-pack', 'version=1')),
    question(advertisement('upload-pack', 'version=2')),
    question(advertisement('receive-pack')),
    question(advertisement('receive-pack', 'version=1')),
    question(lsRefs([])),
    question(lsRefs([]), '2.55.0'),
    question(lsRefs(['peel'])),
    question(lsRefs(['symrefs'])),
    question(lsRefs(['unborn'])),
    question(lsRefs(['ref-prefix refs/heads/'])),
    question(lsRefs(['ref-prefix refs/tags/'])),
    question(lsRefs(['ref-prefix refs/heads/', 'ref-prefix refs/tags/'])),
    question(lsRefs([], ['object-format=sha1'])),
    question(lsRefs([], ['object-format=sha256'])),
    question(lsRefs([], ['session-id=1'])),
  ].map((asked) => asked?.key)
  assert.equal(new Set(keys).size, keys.length)
  assert.ok(!keys.includes(undefined))
})

test('what git does not look at makes no other question', () => {
  const same = (a: Asked, b: Asked) => assert.deepEqual(question(a), question(b))
  same(advertisement('upload-pack'), advertisement('upload-pack', 'version=0'))
  same(
    lsRefs(['peel\n'], ['agent=git/2.39.5\n']),
    lsRefs(['peel'], ['agent=jgit', 'server-option=a', 'server-option=b']),
  )
  same(lsRefs([], ['session-id=1']), lsRefs([], ['session-id=2\n', 'agent=x']))
})

test('what a later git may look at makes another question', () => {
  const { request, body } = lsRefsRequest()
  const other = questionOf({ ...request, protocol: 'version=2:hurry' }, '/srv/r.git', body, '2.39.5')
  assert.ok(other)
  assert.notEqual(other.key, question(lsRefs([]))?.key)
})

test('what would spoil an answer is named', () => {
  assert.deepEqual(question(advertisement('upload-pack', 'version=2'))?.spoiltBy, ['session-id'])
  assert.deepEqual(question(advertisement('upload-pack'))?.spoiltBy, ['session-id'])
  const push = ['session-id', 'push-certificate', 'alternates']
  assert.deepEqual(question(advertisement('receive-pack'))?.spoiltBy, push)
  assert.deepEqual(question(lsRefs([]))?.spoiltBy, [])
})

test('packs, pushes and earlier versions of the protocol are no questions', () => {
  const { request, body } = lsRefsRequest()
  assert.ok(questionOf(request, '/srv/r.git', body, ''))
  assert.equal(questionOf(request, '/srv/r.git', undefined, ''), undefined, 'a body that was not read whole')
  assert.equal(questionOf({ ...request, version: 1 }, '/srv/r.git', body, ''), undefined)
  const push = parseGitRequest({
    method: 'POST',
    url: '/r.git/git-receive-pack',
    headers: { 'git-protocol': 'version=2', 'content-type': 'application/x-git-receive-pack-request' },
  })
  assert.equal(questionOf(push, '/srv/r.git', body, ''), undefined)
})

const start = pktLine('command=ls-refs\n')

test('the shortest request is understood', () => {
  assert.equal(lsRefsKey(parseProtocolV2(Buffer.from(start + flushPacket))), '')
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
  'a command that comes later': pktLine('agent=x') + start + flushPacket,
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
