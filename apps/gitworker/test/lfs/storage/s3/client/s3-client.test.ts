import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { startS3Server } from '@sluice/shared/testing/s3-server'
import type { S3Server } from '@sluice/shared/testing/s3-server'
import { serveHttp } from '@sluice/shared/testing/serve-http'
import { addressIn } from '../../../../../src/lfs/storage/s3/client/bucket.ts'
import { readListing } from '../../../../../src/lfs/storage/s3/client/listing.ts'
import { S3Client } from '../../../../../src/lfs/storage/s3/client/s3-client.ts'

const content = Buffer.from('the bytes of an object')
const checksum = createHash('sha256').update(content).digest('base64')
const signed = { 'content-length': String(content.length), 'x-amz-checksum-sha256': checksum }

function clientOf({ port, bucket }: Pick<S3Server, 'port' | 'bucket'>, secret = 'S3RVER'): S3Client {
  const place = { endpoint: `http://127.0.0.1:${port}`, name: bucket, region: 'us-east-1', isPathStyle: true }
  return new S3Client(place, () => ({ id: 'S3RVER', secret }))
}

describe('a signed address', () => {
  test('takes these bytes, and no others', async () => {
    await using server = await startS3Server()
    await using client = clientOf(server)
    const href = await client.addressFor('PUT', 'a/b', signed, 60)
    const put = async (body: Buffer, headers: Record<string, string>) =>
      (await fetch(href, { method: 'PUT', body, headers })).status
    const sum = { 'x-amz-checksum-sha256': checksum }
    server.knowsChecksums = false
    assert.equal(await put(Buffer.from('other bytes, of another size'), sum), 403)
    server.knowsChecksums = true
    assert.equal(await put(Buffer.alloc(content.length), sum), 400)
    assert.equal(await put(content, {}), 403)
    const other = createHash('sha256').update(Buffer.alloc(content.length)).digest('base64')
    assert.equal(await put(Buffer.alloc(content.length), { 'x-amz-checksum-sha256': other }), 403)
    assert.deepEqual(await server.keys(), [])
    assert.equal(await put(content, { ...sum, 'content-type': 'text/plain' }), 200)
    assert.deepEqual(await client.look('a/b'), {
      size: content.length,
      checksum,
      changedAt: (await client.look('a/b'))!.changedAt,
    })
  })

  test('gives what is there, also a part of it, and ends', async () => {
    await using server = await startS3Server()
    await using client = clientOf(server)
    await server.put('a/b', content)
    const href = await client.addressFor('GET', 'a/b', {}, 60)
    assert.equal(await (await fetch(href)).text(), content.toString())
    assert.equal(await (await fetch(href, { headers: { range: 'bytes=4-' } })).text(), content.toString().slice(4))
    assert.equal((await fetch(href.replace('/a/b', '/a/c'))).status, 403)
    assert.equal((await fetch(await client.addressFor('GET', 'a/b', {}, -1))).status, 403)
  })
})

describe('S3', () => {
  test('is asked for what is there, and is told to remove it', async () => {
    await using server = await startS3Server()
    await using client = clientOf(server)
    assert.equal(await client.look('a/b'), undefined)
    await client.remove('a/b')
    await server.put('a/b', content)
    assert.equal((await client.look('a/b'))!.size, content.length)
    await client.remove('a/b')
    assert.deepEqual(await server.keys(), [])
  })

  test('lists what is below a prefix, and nothing else', async () => {
    await using server = await startS3Server()
    await using client = clientOf(server)
    for (const name of ['one/a', 'one/b', 'one-more/c']) await server.put(name, content)
    const objects = await Array.fromAsync(client.list('one/'))
    assert.deepEqual(
      objects.map(({ key }) => key),
      ['one/a', 'one/b'],
    )
    for (const { size, changedAt } of objects) assert.ok(size === content.length && changedAt > 0)
  })

  /** s3rver makes its tokens with DES, which OpenSSL 3 does not have. */
  test('lists all pages', async () => {
    const tokens: (string | null)[] = []
    await using server = await serveHttp((incoming, outgoing) => {
      const token = new URL(incoming.url!, 'http://s3').searchParams.get('continuation-token')
      tokens.push(token)
      const entry = `<Contents><Key>${tokens.length}</Key><Size>1</Size></Contents>`
      const next = tokens.length < 3 ? `<NextContinuationToken>t+${tokens.length}/=</NextContinuationToken>` : ''
      const body = `<IsTruncated>${tokens.length < 3}</IsTruncated>${next}${entry}`
      outgoing.end(`<ListBucketResult>${body}</ListBucketResult>`)
    })
    await using client = clientOf({ port: server.port, bucket: 'lfs' })
    const objects = await Array.fromAsync(client.list('a/'))
    assert.deepEqual(
      objects.map(({ key }) => key),
      ['1', '2', '3'],
    )
    assert.deepEqual(tokens, [null, 't+1/=', 't+2/='])
  })

  test('is asked again when it is busy, and in the end its failure is told', async () => {
    await using server = await startS3Server()
    await using client = clientOf(server)
    server.failWith = 503
    await assert.rejects(client.look('a/b'), { reason: 'lfs_storage_failed' })
    assert.equal(server.requests.length, 3)
    server.failWith = undefined
    assert.equal(await client.look('a/b'), undefined)
  })

  test('that says no is not asked again', async () => {
    await using server = await startS3Server()
    await using client = clientOf(server, 'not the secret')
    await assert.rejects(client.look('a/b'), { reason: 'lfs_storage_failed' })
    await assert.rejects(Array.fromAsync(client.list('a/')), ({ cause }) => /SignatureDoesNotMatch/.test(String(cause)))
    await assert.rejects(client.remove('a/b'), { reason: 'lfs_storage_failed' })
    assert.equal(server.requests.length, 3)
  })

  test('that is not there is a failure in words', async () => {
    // Nobody listens there, and nobody is given it by the kernel.
    await using client = clientOf({ port: 1, bucket: 'lfs' })
    await assert.rejects(client.look('a/b'), ({ cause }) => /ECONNREFUSED/.test(String(cause)))
  })
})

test('a bucket is in the path, or in the host name', () => {
  const bucket = { endpoint: 'https://s3.example.org:9000', name: 'lfs', region: 'x', isPathStyle: true }
  assert.equal(addressIn(bucket, 'a/b').href, 'https://s3.example.org:9000/lfs/a/b')
  assert.equal(addressIn({ ...bucket, isPathStyle: false }, 'a/b').href, 'https://lfs.s3.example.org:9000/a/b')
  assert.equal(
    addressIn({ ...bucket, isPathStyle: false }, undefined, { prefix: 'a/' }).href,
    'https://lfs.s3.example.org:9000/?prefix=a%2F',
  )
})

test('a listing is read as servers write it', () => {
  const entry = (key: string, size: string) =>
    `<Contents><Key>${key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>${size}</Size></Contents>`
  const page = (inside: string) => `<?xml version="1.0"?><ListBucketResult xmlns="x">${inside}</ListBucketResult>`
  assert.deepEqual(readListing(page('<IsTruncated>false</IsTruncated>')), { keys: [], next: undefined })
  assert.deepEqual(
    readListing(
      page(
        `<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b</NextContinuationToken>${entry('a%2Fb', '3')}`,
      ),
    ),
    { keys: [{ key: 'a/b', size: 3, changedAt: Date.UTC(2026, 0) }], next: 'a&b' },
  )
  for (const wrong of [
    '',
    '<html>',
    page('<IsTruncated>true</IsTruncated>'),
    page(entry('a', '')),
    page(entry('a', '-')),
    page(entry('%zz', '1')),
  ]) {
    assert.throws(() => readListing(wrong))
  }
})
