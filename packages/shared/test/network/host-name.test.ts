import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseHostNames, readHostName } from '../../src/network/host-name.ts'
import { isLoopback } from '../../src/network/loopback.ts'

const latin1 = (text: string) => Buffer.from(text).toString('latin1')

test('a Host header is read in every spelling', () => {
  for (const [text, name, port] of [
    ['git.example.org', 'git.example.org', undefined],
    ['GIT.Example.ORG.:8080', 'git.example.org', '8080'],
    ['git.example.org:443', 'git.example.org', undefined],
    ['127.0.0.1:', '127.0.0.1', undefined],
    ['[0:0:0:0:0:0:0:1]:8080', '::1', '8080'],
    ['[2001:0DB8::1]:8080', '2001:db8::1', '8080'],
    [latin1('bücher.example'), 'xn--bcher-kva.example', undefined],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example', undefined],
    ['my_host', 'my_host', undefined],
  ] as const) {
    assert.deepEqual(readHostName(text), { name, port }, text)
  }
})

test('an invalid host is refused', () => {
  for (const text of [
    '',
    '.',
    'a b',
    'a/b',
    'a?b',
    'a#b',
    'ann@b',
    'a\\b',
    'a%2eb',
    'a:99999',
    'a:b',
    '::1',
    '[::1',
    '[nonsense]',
    '999.1.1.1',
    '\u00e9',
    'x'.repeat(600),
  ]) {
    assert.equal(readHostName(text), undefined, text)
  }
})

test('the loopback in every spelling, and nothing that only looks like it', () => {
  for (const text of [
    'localhost',
    'LOCALHOST.',
    'a.b.localhost:1',
    '127.0.0.1',
    '127.255.1.2',
    '127.1',
    '0x7f.0.0.1',
    '2130706433',
    '[::1]:80',
    '[::ffff:127.0.0.1]',
  ]) {
    assert.equal(isLoopback(readHostName(text)!.name), true, text)
  }
  for (const text of [
    'localhost.example',
    'notlocalhost',
    '127.0.0.1.example',
    '128.0.0.1',
    '10.0.0.1',
    '0.0.0.0',
    '[::2]',
    '[::]',
    '[::ffff:10.0.0.1]',
    'example',
  ]) {
    assert.equal(isLoopback(readHostName(text)!.name), false, text)
  }
})

test('configured names are whole names, or all names below one', () => {
  const names = parseHostNames('git.example.org, *.In.example, 192.0.2.1, [2001:db8:0::1], ::2, bücher.example')!
  for (const name of ['git.example.org', 'a.in.example', 'a.b.in.example', '192.0.2.1', '2001:db8::1', '::2']) {
    assert.ok(names.has(name), name)
  }
  assert.ok(names.has('xn--bcher-kva.example'))
  for (const name of ['example.org', 'a.git.example.org', 'in.example', 'xin.example']) {
    assert.ok(!names.has(name), name)
  }
  for (const text of ['', 'a,,b', 'a:80', 'http://a', '*', '*.', 'a.*.b', 'a b']) {
    assert.equal(parseHostNames(text), undefined, text)
  }
})
