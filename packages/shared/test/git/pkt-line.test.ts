import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPktLines, pktLength, pktLine } from '../../src/git/pkt-line.ts'

test('a line gets its length, itself included, in front', () => {
  assert.equal(pktLine('# service=git-upload-pack\n'), '001e# service=git-upload-pack\n')
  assert.equal(pktLine('é'), '0006é')
})

test('whole lines and special packets are recognised', () => {
  for (const text of ['', '0000', '0004', '0014command=ls-refs\n00010000', '0005a00020000', '000AabcdeF']) {
    assert.equal(isPktLines(Buffer.from(text)), true, text)
  }
})

test('bytes that are cut short, or are no pkt-lines, are not', () => {
  for (const text of ['0', '000', '0005', '0006a', '0003', 'zzzz', '00000', '-001', ' 004', '0x04', '0000PACK']) {
    assert.equal(isPktLines(Buffer.from(text)), false, text)
  }
})

test('the length is read at an offset', () => {
  assert.equal(pktLength(Buffer.from('xx001e'), 2), 30)
  assert.equal(pktLength(Buffer.from('PACK')), undefined)
})
