import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { readdir, stat, utimes, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { git, importCommit } from '@sluice/shared/testing/git'
import { ask, target } from '@sluice/shared/testing/http'
import type { Reply } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** Objects of LFS on their way up and down, and what becomes of them, over gateway and host. */

const mediaType = 'application/vnd.git-lfs+json'
const oidOf = (content: Buffer | string) => createHash('sha256').update(content).digest('hex')

type Answered = {
  readonly objects: readonly {
    readonly oid: string
    readonly actions?: Readonly<Record<string, { readonly href: string }>>
    readonly error?: { readonly code: number; readonly message: string }
  }[]
}

let stack: Stack
before(async () => {
  stack = await startStack({
    SLUICE_MAX_REPOSITORY: 'small/**=1MiB',
    SLUICE_MAX_LFS_OBJECT: '8MiB',
  })
  for (const name of ['a.git', 'small/one.git', 'kept.git', 'closed.git', 'killed.git']) {
    await git(stack.root, ['init', '--quiet', '--bare', name])
  }
})
after(() => stack[Symbol.asyncDispose]())

const lfs = (name: string, path: string) => `/${name}/info/lfs${path}`

function put(name: string, content: Buffer | string, oid = oidOf(content)): Promise<Reply> {
  return ask(stack.gateway.address, lfs(name, `/objects/${oid}`), { method: 'PUT', body: content })
}

function get(name: string, oid: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Reply> {
  return ask(stack.gateway.address, lfs(name, `/objects/${oid}`), { method, headers })
}

function post(name: string, path: string, body: unknown): Promise<Reply> {
  const options = { method: 'POST', headers: { 'Content-Type': mediaType }, body: JSON.stringify(body) }
  return ask(stack.gateway.address, lfs(name, path), options)
}

async function batch(name: string, operation: string, ...contents: string[]): Promise<Answered> {
  const objects = contents.map((content) => ({ oid: oidOf(content), size: content.length }))
  const reply = await post(name, '/objects/batch', { operation, objects })
  assert.equal(reply.status, 200, reply.body)
  return JSON.parse(reply.body) as Answered
}

/** As LFS's clients read it. */
function messageOf({ headers, body }: Reply): string {
  assert.equal(headers['content-type'], mediaType)
  const { message, request_id, documentation_url } = JSON.parse(body) as Record<string, string>
  assert.ok(message && request_id && documentation_url)
  return message
}

const incoming = (name: string) => join(stack.root, name, 'lfs/incoming')
const objectPath = (name: string, oid: string) =>
  join(stack.root, name, 'lfs/objects', oid.slice(0, 2), oid.slice(2, 4), oid)

/** Begins an upload, and sends a part of it. */
async function begin(name: string, content: Buffer) {
  const path = lfs(name, `/objects/${oidOf(content)}`)
  const headers = { 'Content-Length': content.length }
  const sent = request({ ...target(stack.gateway.address), path, method: 'PUT', headers, agent: false })
  const over = new Promise<number>((resolve) => {
    sent.on('response', (response) => response.resume().on('end', () => resolve(response.statusCode ?? 0)))
    sent.on('error', () => resolve(0))
  })
  sent.write(content.subarray(0, content.length / 2))
  await until('the upload to be at work', () => existsSync(incoming(name)) && readdirSync(incoming(name)).length > 0)
  return { sent, over }
}

describe('an object', () => {
  test('goes up and comes down, whole, in part, and by its head', async () => {
    const content = 'one object'
    const [asked] = (await batch('a.git', 'upload', content)).objects
    assert.match(
      asked!.actions!['upload']!.href,
      /^http:\/\/127\.0\.0\.1:\d+\/a\.git\/info\/lfs\/objects\/[0-9a-f]{64}$/,
    )
    assert.equal((await put('a.git', content)).status, 200)
    const oid = oidOf(content)
    assert.deepEqual((await batch('a.git', 'upload', content)).objects, [{ oid, size: content.length }])
    assert.ok((await batch('a', 'download', content)).objects[0]!.actions!['download'])
    const whole = await get('a.git', oid)
    assert.deepEqual([whole.status, whole.body, whole.headers.etag], [200, content, `"${oid}"`])
    const part = await get('a.git', oid, { Range: 'bytes=4-' })
    assert.deepEqual([part.status, part.body, part.headers['content-range']], [206, 'object', 'bytes 4-9/10'])
    const beyond = await get('a.git', oid, { Range: 'bytes=10-' })
    assert.deepEqual([beyond.status, beyond.headers['content-range']], [416, 'bytes */10'])
    const head = await get('a.git', oid, {}, 'HEAD')
    assert.deepEqual([head.status, head.body, head.headers['content-length']], [200, '', '10'])
    assert.equal((await post('a.git', '/objects/verify', { oid, size: 10 })).status, 200)
    assert.equal((await post('a.git', '/objects/verify', { oid, size: 11 })).status, 422)
    assert.equal((await put('a.git', '')).status, 200)
    assert.equal((await get('a.git', oidOf(''))).headers['content-length'], '0')
  })

  test('that is not what it was said to be is not stored, and nothing is left of it', async () => {
    const oid = oidOf('something else')
    const reply = await put('closed.git', 'not that', oid)
    assert.equal(reply.status, 422)
    assert.match(messageOf(reply), /its SHA-256 or its size differs/)
    await put('a.git', 'there')
    assert.equal((await put('a.git', 'not the same', oidOf('there'))).status, 422)
    const missing = await get('closed.git', oid)
    assert.equal(missing.status, 404)
    assert.match(messageOf(missing), /There is no such object/)
    await until('nothing to be left', () => !existsSync(join(stack.root, 'closed.git/lfs')))
    const [wrongSize] = (
      await post('a.git', '/objects/batch', { operation: 'upload', objects: [{ oid: oidOf('there'), size: 7 }] }).then(
        ({ body }) => JSON.parse(body) as Answered,
      )
    ).objects
    assert.equal(wrongSize!.error!.code, 422)
  })

  test('is one, however many upload it at once', async () => {
    const content = randomBytes(2_000_000)
    const statuses = await Promise.all(Array.from({ length: 6 }, async () => (await put('a.git', content)).status))
    assert.deepEqual(statuses, Array(6).fill(200))
    assert.equal((await stat(objectPath('a.git', oidOf(content)))).size, content.length)
    await until('nothing to be left', () => !existsSync(incoming('a.git')))
  })

  test('whose client leaves in the middle leaves nothing', async () => {
    const { sent } = await begin('closed.git', randomBytes(4_000_000))
    sent.destroy()
    await until('nothing to be left', () => !existsSync(join(stack.root, 'closed.git/lfs')))
    await until('no note to be left', async () => (await readdir(join(stack.folder, 'run/uploads'))).length === 0)
  })

  test('that creates its repository creates it once it is whole, and only then', async () => {
    const content = 'the first'
    assert.ok((await batch('new/one.git', 'upload', content)).objects[0]!.actions!['upload'])
    assert.equal(existsSync(join(stack.root, 'new')), false)
    assert.equal((await put('new/one.git', 'another', oidOf(content))).status, 422)
    await until('nothing to be left', () => !existsSync(join(stack.root, 'new')))
    assert.equal((await put('new/one.git', content)).status, 200)
    assert.equal((await get('new/one', oidOf(content))).body, content)
    assert.equal((await post('nowhere.git', '/objects/batch', { operation: 'download', objects: [] })).status, 404)
  })
})

describe('what is refused', () => {
  test('is refused early, in words, and costs nothing', async () => {
    const oid = oidOf('x')
    const many = (count: number) => Array.from({ length: count }, () => ({ oid, size: 1 }))
    const cases: [what: string, reply: Promise<Reply>, status: number, says: RegExp][] = [
      [
        'ten thousand objects',
        post('a.git', '/objects/batch', { operation: 'upload', objects: many(10_000) }),
        413,
        /at most 1000/,
      ],
      [
        '1001 objects',
        post('a.git', '/objects/batch', { operation: 'download', objects: many(1001) }),
        413,
        /at most 1000/,
      ],
      ['no operation', post('a.git', '/objects/batch', { objects: [] }), 422, /operation/],
      [
        'a name with dots',
        post('a.git', '/objects/batch', { operation: 'upload', objects: [{ oid: '../../../etc/passwd', size: 1 }] }),
        422,
        /oid is not right/,
      ],
      [
        'upper case',
        post('a.git', '/objects/batch', { operation: 'upload', objects: [{ oid: oid.toUpperCase(), size: 1 }] }),
        422,
        /oid/,
      ],
      [
        'a negative size',
        post('a.git', '/objects/batch', { operation: 'upload', objects: [{ oid, size: -1 }] }),
        422,
        /size/,
      ],
      [
        'another way of transfer',
        post('a.git', '/objects/batch', { operation: 'upload', transfers: ['tus'], objects: [] }),
        422,
        /basic/,
      ],
      [
        'another hash function',
        post('a.git', '/objects/batch', { operation: 'upload', hash_algo: 'sha512', objects: [] }),
        422,
        /sha256/,
      ],
      [
        'no JSON',
        ask(stack.gateway.address, lfs('a.git', '/objects/batch'), {
          method: 'POST',
          headers: { 'Content-Type': mediaType },
          body: '{"',
        }),
        422,
        /not valid JSON/,
      ],
      [
        'another type',
        ask(stack.gateway.address, lfs('a.git', '/objects/batch'), {
          method: 'POST',
          headers: { 'Content-Type': 'text/plain' },
          body: '{}',
        }),
        415,
        /Content-Type/,
      ],
      ['a name that is none', get('a.git', 'abc'), 422, /64 hexadecimal digits/],
      ['a name that leads away', get('a.git', '..%2F..%2Fconfig'), 404, /no such address/],
      ['no such address', ask(stack.gateway.address, lfs('a.git', '/somewhere')), 404, /no such address/],
      ['a wrong method', ask(stack.gateway.address, lfs('a.git', '/objects/batch')), 405, /takes POST only/],
      ['a large object', put('a.git', Buffer.alloc(9 * 2 ** 20)), 413, /At most \d+ bytes may be uploaded here/],
      [
        'a compressed one',
        ask(stack.gateway.address, lfs('a.git', `/objects/${oid}`), {
          method: 'PUT',
          headers: { 'Content-Encoding': 'gzip' },
          body: 'x',
        }),
        415,
        /Content-Encoding/,
      ],
    ]
    for (const [what, replied, status, says] of cases) {
      const reply = await replied
      assert.equal(reply.status, status, what)
      assert.match(messageOf(reply), says, what)
    }
  })

  test('is JSON of 100 MB, told or not, before it has come', async () => {
    for (const headers of [{ 'Content-Length': 100_000_000 }, {}]) {
      const options = { method: 'POST', headers: { 'Content-Type': mediaType, ...headers }, agent: false }
      const sent = request({ ...target(stack.gateway.address), path: lfs('a.git', '/objects/batch'), ...options })
      sent.on('error', () => {})
      const answered = new Promise<number>((resolve) =>
        sent.on('response', ({ statusCode }) => resolve(statusCode ?? 0)),
      )
      sent.write(Buffer.alloc(300_000, ' '))
      assert.equal(await answered, 413)
      sent.destroy()
    }
  })

  test('is what a repository has no room for, in the batch and in the upload', async () => {
    const [one, other] = [Buffer.alloc(700_000, 'a'), Buffer.alloc(700_000, 'b')]
    assert.equal((await put('small/one.git', one)).status, 200)
    const full = /may have 1 MiB \(SLUICE_MAX_REPOSITORY\) and has/
    const asked = await post('small/one.git', '/objects/batch', {
      operation: 'upload',
      objects: [{ oid: oidOf(other), size: other.length }],
    })
    assert.match(messageOf(asked), full)
    const sent = await put('small/one.git', other)
    assert.equal(sent.status, 413)
    assert.match(messageOf(sent), full)
  })
})

describe('an object in a repository', () => {
  const admin = (path: string, body: unknown = {}, method = 'POST') =>
    ask(`unix:${join(stack.folder, 'run/administration.sock')}`, `/-/${path}`, {
      method,
      headers: { 'Content-Type': 'application/json', 'Content-Length': String(JSON.stringify(body).length) },
      body: JSON.stringify(body),
    })

  /** Of a reply of several lines, the last one counts. */
  function resultOf({ body }: Reply): object {
    const last = JSON.parse(body.trim().split('\n').at(-1)!) as { readonly result?: object }
    return last.result ?? last
  }

  test('goes with it to the trash, to another name, and to a fork; and is pruned when nothing needs it', async () => {
    const [needed, unneeded, young] = ['needed', 'unneeded', 'young']
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${oidOf(needed)}\nsize ${needed.length}\n`
    const input = importCommit({ ref: 'refs/heads/main', message: 'm', file: 'f.bin', content: pointer, time: 1 })
    await git(join(stack.root, 'kept.git'), ['fast-import', '--quiet'], { input })
    for (const content of [needed, unneeded, young]) assert.equal((await put('kept.git', content)).status, 200)
    const forked = resultOf(await admin('repositories/kept/fork', { to: 'forked', independent: true }))
    assert.deepEqual(forked, { forked: 'kept', to: 'forked', borrows: false })
    for (const content of [needed, unneeded]) {
      await utimes(objectPath('kept.git', oidOf(content)), new Date(0), new Date(0))
    }
    const pruned = async (body: unknown) => resultOf(await admin('repositories/kept/lfs-prune', body))
    const expected = {
      repository: 'kept',
      all: { objects: 3, bytes: 19 },
      young: { objects: 1, bytes: 5 },
      unneeded: { objects: 1, bytes: 8 },
    }
    assert.deepEqual(await pruned({}), { ...expected, isDryRun: true })
    assert.deepEqual(await pruned({ dryRun: false }), { ...expected, isDryRun: false })
    assert.equal((await get('kept.git', oidOf(unneeded))).status, 404)
    assert.equal((await get('forked', oidOf(unneeded))).body, unneeded)
    assert.equal((await admin('repositories/kept/lfs-prune', { minAgeSeconds: 1 })).status, 400)

    assert.equal((await admin('repositories/forked', {}, 'DELETE')).status, 200)
    assert.equal((await admin('repositories/kept/rename', { to: 'renamed' })).status, 200)
    assert.equal((await get('renamed', oidOf(needed))).body, needed)
    const { id } = resultOf(await admin('repositories/renamed', {}, 'DELETE')) as { id: string }
    assert.equal((await get('renamed', oidOf(needed))).status, 404)
    assert.equal((await admin(`trash/${id}/restore`)).status, 200)
    assert.equal((await get('renamed', oidOf(needed))).body, needed)
  })

  test('that somebody is about to push again is not pruned', async () => {
    const old = 'old'
    await put('a.git', old)
    await utimes(objectPath('a.git', oidOf(old)), new Date(0), new Date(0))
    await batch('a.git', 'upload', old)
    await admin('repositories/a/lfs-prune', { dryRun: false })
    assert.equal((await get('a.git', oidOf(old))).body, old)
  })
})

test('a host that is killed in the middle of an upload leaves nothing that the next one does not remove', async () => {
  await put('killed.git', 'whole')
  const strange = join(stack.root, 'killed.git/lfs/incoming')
  const { over } = await begin('killed.git', randomBytes(4_000_000))
  await writeFile(join(strange, 'of somebody else'), '')
  stack.supervisor.signal('SIGKILL')
  await stack.supervisor.exited
  assert.equal((await readdir(strange)).length, 2)
  await stack.restartSupervisor()
  assert.deepEqual(await readdir(strange), ['of somebody else'])
  assert.deepEqual(await readdir(join(stack.folder, 'run/uploads')), [])
  assert.notEqual(await over, 200)
  assert.equal((await get('killed.git', oidOf('whole'))).body, 'whole')
})
