import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { git, tryGit } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/** LFS is not offered. Its clients are told so in the form of their API, and git-lfs goes on. */

const noLfs = spawnSync('git', ['lfs', 'version']).status === 0 ? false : 'git-lfs is not installed'
const says = /Git LFS is not offered here: .*GIT_LFS_SKIP_SMUDGE=1/

let stack: Stack
let env: Record<string, string>
before(async () => {
  stack = await startStack()
  await git(stack.root, ['init', '--quiet', '--bare', 'there.git'])
  env = { HOME: stack.folder, GIT_CONFIG_GLOBAL: join(stack.folder, '.gitconfig') }
})
after(() => stack[Symbol.asyncDispose]())

const lfsType = 'application/vnd.git-lfs+json'

describe('requests of LFS’s API', () => {
  for (const [method, path] of [
    ['POST', '/objects/batch'],
    ['GET', '/locks'],
    ['POST', '/locks'],
    ['POST', '/locks/verify'],
    ['POST', '/locks/17/unlock'],
    ['PUT', '/objects/693ba1c1'],
    ['GET', ''],
    ['GET', '/'],
  ] as const) {
    test(`${method} info/lfs${path} is answered in JSON, the same for every name and everybody`, async () => {
      const closed = await stack.addGateway({
        SLUICE_ACCESS: 'forward',
        SLUICE_ACCESS_SERVICE: 'http://127.0.0.1:1/',
      })
      for (const address of [stack.gateway.address, closed.address]) {
        for (const name of ['there.git', 'there', 'gone.git', 'a/b']) {
          const reply = await ask(address, `/${name}/info/lfs${path}`, {
            method,
            headers: { 'Accept': lfsType, 'X-Request-Id': 'one-of-mine', 'Content-Type': lfsType },
            ...(method !== 'GET' && { body: '{"operation":"download","objects":[]}' }),
          })
          assert.equal(reply.status, 501)
          assert.equal(reply.headers['content-type'], lfsType)
          assert.equal(reply.headers['sluice-reason'], 'lfs_not_offered')
          const body = JSON.parse(reply.body) as Record<string, unknown>
          assert.deepEqual(Object.keys(body), ['message', 'request_id'])
          assert.equal(body['request_id'], 'one-of-mine')
          assert.match(String(body['message']), says)
        }
      }
    })
  }

  test('an address that only looks like one of LFS’s is not answered in JSON', async () => {
    for (const path of ['/info/lfs', '/a/info/lfsx', '/a/info/lf', '/a/info/lfs.git']) {
      assert.equal((await ask(stack.gateway.address, path)).status, 404, path)
    }
    const advertised = await ask(stack.gateway.address, '/a/info/lfs/b.git/info/refs?service=git-upload-pack')
    assert.equal(advertised.headers['sluice-reason'], 'repository_missing')
  })
})

describe('git-lfs', { skip: noLfs }, () => {
  async function workIn(name: string): Promise<string> {
    const work = join(stack.folder, name)
    await mkdir(work)
    await git(work, ['init', '--quiet'], { env })
    await git(work, ['lfs', 'install', '--local'], { env })
    return work
  }

  test('lets a push without files of its own through, and stops asking for locks', async () => {
    const work = await workIn('plain')
    await writeFile(join(work, 'a.txt'), 'a\n')
    await git(work, ['add', '.'], { env })
    await git(work, ['commit', '--quiet', '-m', 'Plain'], { env })
    const { code, stderr } = await tryGit(work, ['push', `${stack.url}/there.git`, 'main:plain'], { env })
    assert.equal(code, 0, stderr)
    assert.doesNotMatch(stderr, /locking|lfs/i)
    assert.match(await git(work, ['config', '--get-regexp', 'locksverify'], { env }), / false$/)
  })

  test('tells its user what happens to files in LFS, and a clone without them works', async () => {
    const work = await workIn('large')
    await git(work, ['lfs', 'track', '*.bin'], { env })
    await writeFile(join(work, 'large.bin'), 'large '.repeat(1000))
    await git(work, ['add', '.'], { env })
    await git(work, ['commit', '--quiet', '-m', 'Large'], { env })
    const pushed = await tryGit(work, ['push', `${stack.url}/there.git`, 'main'], { env })
    assert.notEqual(pushed.code, 0)
    assert.match(pushed.stderr, says)
    await git(work, ['push', '--quiet', '--no-verify', `${stack.url}/there.git`, 'main'], { env })
    await git(work, ['lfs', 'install'], { env })

    const cloned = await tryGit(stack.folder, ['clone', `${stack.url}/there.git`, 'whole'], { env })
    assert.notEqual(cloned.code, 0)
    assert.match(cloned.stderr, says)
    const skipping = { ...env, GIT_LFS_SKIP_SMUDGE: '1' }
    await git(stack.folder, ['clone', '--quiet', `${stack.url}/there.git`, 'pointers'], { env: skipping })
    assert.match(await readFile(join(stack.folder, 'pointers/large.bin'), 'utf8'), /^version https:\/\/git-lfs/)
  })
})
