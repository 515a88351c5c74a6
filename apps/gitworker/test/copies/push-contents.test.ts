import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import type { RefResult } from '@sluice/shared/git/push-results'
import { contentsOfPush } from '../../src/copies/primary/push-contents.ts'

const [none, one, two] = ['0', '1', '2'].map((digit) => digit.repeat(40)) as [string, string, string]
const pack = Buffer.from('PACK, and 0000 what is in it')

function bodyOf(lines: readonly string[], more: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat([...lines.map((line) => pktLine(line)), flushPacket, ...more].map((part) => Buffer.from(part)))
}

const resultOf = (ref: string, instead: RefResult['instead'] = {}) => ({ ref, why: undefined, instead })
const accepted = (...refs: string[]) => ({ results: refs.map((ref) => resultOf(ref)), count: refs.length })
const update = (ref: string, features = '') => `${one} ${two} ${ref}${features}`

test('the pack begins behind the commands', () => {
  const creation = `${none} ${one} refs/heads/b`
  const body = bodyOf([update('refs/heads/a', '\0 report-status atomic'), creation], [pack])
  const contents = contentsOfPush(body, accepted('refs/heads/a', 'refs/heads/b'))
  assert.equal(contents?.pack.toString(), pack.toString())
  assert.deepEqual(contents.changes, [
    { ref: 'refs/heads/a', old: one, new: two },
    { ref: 'refs/heads/b', old: undefined, new: one },
  ])
})

test('the pack begins behind the push’s options, where there are any', () => {
  const line = update('refs/heads/a', '\0 report-status push-options')
  for (const options of [[], [pktLine('one')], [pktLine('one'), pktLine('two=2')]]) {
    const contents = contentsOfPush(bodyOf([line], [...options, flushPacket, pack]), accepted('refs/heads/a'))
    assert.equal(contents?.pack.toString(), pack.toString())
  }
})

test('what ends in another way than git’s pushes do is not offered', () => {
  const line = update('refs/heads/a', '\0 report-status push-options')
  const results = accepted('refs/heads/a')
  for (const end of ['', '0001', pktLine('an option'), pktLine('cut').slice(0, -1), '0003', 'PACK']) {
    assert.equal(contentsOfPush(bodyOf([line], [end]), results), undefined, end)
  }
  assert.equal(contentsOfPush(Buffer.from(`${pktLine(update('refs/heads/a', '\0'))}0001PACK`), results), undefined)
})

test('deletions, shallow clones, and references that hooks have put in others’ places are not offered', () => {
  const line = update('refs/heads/a', '\0 report-status')
  const instead = { results: [resultOf('refs/heads/a', { ref: 'refs/heads/b' })], count: 1 }
  assert.equal(contentsOfPush(bodyOf([line], [pack]), instead), undefined)
  const results = accepted('refs/heads/a')
  assert.equal(contentsOfPush(bodyOf([`shallow ${one}`, line], [pack]), results), undefined)
  assert.equal(contentsOfPush(bodyOf([`${one} ${none} refs/heads/a\0`], []), results), undefined)
})

test('of a signed push, a copy gets what it asks for, and neither the certificate nor the options', () => {
  const head = ['certificate version 0.1', 'pusher A User <user@example.org> 1700000000 +0000', 'push-option one', '']
  const end = ['-----BEGIN SSH SIGNATURE-----', 'U1NIU0lH', '-----END SSH SIGNATURE-----']
  const signed = (command: string, also = '') => {
    const certificate = [also, ...head, command, ...end].map((line) => `${line}\n`)
    const lines = ['push-cert\0 report-status push-options', ...certificate, 'push-cert-end\n']
    return bodyOf(lines, [pktLine('one'), flushPacket, pack])
  }
  const contents = contentsOfPush(signed(update('refs/heads/a')), accepted('refs/heads/a'))
  assert.equal(contents?.pack.toString(), pack.toString())
  assert.deepEqual(contents.changes, [{ ref: 'refs/heads/a', old: one, new: two }])
  // Where git reads no command, such a line makes it unclear what git has done.
  const unclear = signed(update('refs/heads/a'), `${two} ${one} refs/heads/a`)
  assert.equal(contentsOfPush(unclear, accepted('refs/heads/a')), undefined)
})
