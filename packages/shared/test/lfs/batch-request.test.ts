import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maxBatchObjects, readBatch, readPointer } from '../../src/lfs/batch-request.ts'
import { Refusal } from '../../src/refusal/refusal.ts'

const oid = 'ab'.repeat(32)
const body = (value: unknown) => Buffer.from(JSON.stringify(value))

test('a batch is read as git-lfs sends it, and with what a later client may add', () => {
  const objects = [{ oid, size: 12, authenticated: true }]
  const sent = {
    operation: 'upload',
    objects,
    transfers: ['lfs-standalone-file', 'basic', 'ssh'],
    ref: { name: 'refs/heads/main' },
    hash_algo: 'sha256',
    more: 1,
  }
  assert.deepEqual(readBatch(body(sent)), {
    operation: 'upload',
    objects: [{ oid, size: 12 }],
    transfers: sent.transfers,
  })
  const least = { operation: 'download', objects: [], transfers: null }
  assert.deepEqual(readBatch(body(least)), { operation: 'download', objects: [], transfers: ['basic'] })
  assert.deepEqual(readPointer(body({ oid, size: 0 })), { oid, size: 0 })
})

const refused: [what: string, sent: Buffer, reason: string, says: RegExp][] = [
  ['no JSON', Buffer.from('{'), 'lfs_bad_request', /not valid JSON/],
  ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'lfs_bad_request', /not valid JSON/],
  ['a list', body([]), 'lfs_bad_request', /The body of the request is not right/],
  ['brackets', Buffer.from('['.repeat(200_000)), 'lfs_bad_request', /not valid JSON/],
  ['another operation', body({ operation: 'delete', objects: [] }), 'lfs_bad_request', /^operation is not right/],
  ['no objects', body({ operation: 'upload' }), 'lfs_bad_request', /^objects is not right/],
  [
    'a size that is no number',
    body({ operation: 'upload', objects: [{ oid, size: '1' }] }),
    'lfs_bad_request',
    /^size/,
  ],
  [
    'a size that is a fraction',
    body({ operation: 'upload', objects: [{ oid, size: 0.5 }] }),
    'lfs_bad_request',
    /^size/,
  ],
  [
    'a size beyond counting',
    body({ operation: 'upload', objects: [{ oid, size: 1e300 }] }),
    'lfs_bad_request',
    /^size/,
  ],
  ['no object', body({ operation: 'upload', objects: [null] }), 'lfs_bad_request', /not right/],
  [
    'one too many',
    body({ operation: 'upload', objects: Array(maxBatchObjects + 1).fill(0) }),
    'lfs_batch_too_large',
    /1000/,
  ],
]

for (const [what, sent, reason, says] of refused) {
  test(`a batch with ${what} is refused in words`, () => {
    assert.throws(
      () => readBatch(sent),
      (error: unknown) => error instanceof Refusal && error.reason === reason && says.test(error.sentence),
    )
  })
}
