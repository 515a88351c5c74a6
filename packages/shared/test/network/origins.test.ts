import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseOrigins } from '../../src/network/origins.ts'

test('origins are those that browsers send, however they are spelled', () => {
  for (const [text, origin] of [
    ['https://code.example.org', 'https://code.example.org'],
    ['HTTPS://Code.Example.ORG:443', 'https://code.example.org'],
    ['http://localhost:5173', 'http://localhost:5173'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['http://[::1]:80', 'http://[::1]'],
    ['capacitor://localhost', 'capacitor://localhost'],
    ['https://a.example ,  https://b.example', 'https://b.example'],
  ] as const) {
    assert.equal(parseOrigins(text)?.has(origin), true, text)
  }
  assert.equal(parseOrigins('https://a.example')?.has('https://b.example'), false)
})

test('an invalid origin is refused', () => {
  for (const text of [
    '',
    'null',
    '*',
    'code.example.org',
    'https://',
    'https://a.example/',
    'https://a.example/path',
    'https://a.example?x',
    'https://user@a.example',
    'https://*.example.org',
    'https://a.example:99999',
    'https://a.example,',
    'https://a.example null',
    'javascript:alert(1)',
  ]) {
    assert.equal(parseOrigins(text), undefined, text)
  }
})
