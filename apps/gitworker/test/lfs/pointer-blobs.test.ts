import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PointerBlobs } from '../../src/administration/lfs/pointer-blobs.ts'

const [one, two] = ['a'.repeat(64), 'b'.repeat(64)]
const pointer = (oid: string) =>
  `version https://git-lfs.github.com/spec/v1\next-0-x sha256:${two}\noid sha256:${oid}\nsize 3\n`
const written = (content: string, type = 'blob') =>
  `${'0'.repeat(40)} ${type} ${Buffer.byteLength(content)}\n${content}\n`

function found(output: string, pieces = output.length): string[] {
  const oids: string[] = []
  const blobs = new PointerBlobs((oid) => oids.push(oid))
  const bytes = Buffer.from(output)
  for (let at = 0; at < bytes.length; at += pieces) blobs.read(bytes.subarray(at, at + pieces))
  blobs.end()
  return oids
}

test('pointers are found in what git cat-file writes, in pieces of any size', () => {
  const output = [
    written(pointer(one)),
    written(''),
    written('no pointer'),
    written(`${'x'.repeat(2000)} oid sha256:${two}`),
    written(`tree oid sha256:${two}`, 'commit'),
    written(`1 blob 5\n${pointer(two)}`),
    written(pointer(two).replaceAll('\n', '\r\n')),
  ].join('')
  for (const pieces of [1, 2, 7, 64, output.length]) assert.deepEqual(found(output, pieces), [one, two, two])
  assert.deepEqual(found(''), [])
})

test('an object that git has not found, or an early end, is an error', () => {
  assert.throws(() => found(`${'0'.repeat(40)} missing\n`), /says: 0+ missing/)
  assert.throws(() => found('0'.repeat(300)), /something else/)
  assert.throws(() => found(written(pointer(one)).slice(0, -1)), /in the middle/)
  assert.throws(() => found('00'), /in the middle/)
})
