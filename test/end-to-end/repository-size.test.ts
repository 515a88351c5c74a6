import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { git, tryGit } from '@sluice/shared/testing/git'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/** Limits on the size of repositories, as users who push meet them. */

let stack: Stack
before(async () => {
  stack = await startStack({ SLUICE_MAX_REPOSITORY: 'free/**=1GiB, **=300KiB', SLUICE_MAX_PUSH: '**=2MiB' })
})
after(() => stack[Symbol.asyncDispose]())

let count = 0

async function repository() {
  const name = `sized-${++count}`
  const gitDir = join(stack.root, `${name}.git`)
  await mkdir(gitDir, { recursive: true })
  await git(gitDir, ['init', '--quiet', '--bare', '.'])
  const work = join(stack.folder, `work-${count}`)
  await git(stack.folder, ['clone', '--quiet', `${stack.url}/${name}.git`, work])
  const commit = async (bytes: number) => {
    await writeFile(join(work, `file-${randomBytes(4).toString('hex')}`), randomBytes(bytes))
    await git(work, ['add', '.'])
    await git(work, ['commit', '--quiet', '-m', 'More'])
  }
  const push = async (...args: string[]) => tryGit(work, ['push', 'origin', ...args])
  return { name, gitDir, work, commit, push }
}

/** In each: whether the repository asks git to unpack what it gets. Under a limit, packs are kept. */
for (const unpackLimit of ['1', '1000']) {
  test(`a repository grows to its limit and no further (receive.unpackLimit=${unpackLimit})`, async () => {
    const { name, gitDir, work, commit, push } = await repository()
    await git(gitDir, ['config', 'receive.unpackLimit', unpackLimit])
    await commit(200 * 1024)
    assert.equal((await push('HEAD:main')).code, 0)
    await commit(150 * 1024)
    const announced = await push('HEAD:main')
    assert.match(announced.stderr, /300 KiB \(SLUICE_MAX_REPOSITORY\) and has 20\d\.\d+ KiB, so 9\d\.\d+ KiB are left/)
    const line = await stack.supervisor.line((one) => one['repository'] === `${name}.git` && 'reason' in one)
    assert.equal(line['reason'], 'repository_full')
    assert.equal(line['worker'], undefined)
    const chunked = await tryGit(work, ['-c', 'http.postBuffer=65536', 'push', 'origin', 'HEAD:main'])
    assert.match(chunked.stderr, /This push is too large\. This repository may have 300 KiB/)
    assert.notEqual(chunked.code, 0)
    assert.equal(await git(gitDir, ['rev-list', '--count', '--all']), '1')
    await git(work, ['reset', '--quiet', '--hard', 'HEAD~1'])
    await commit(60 * 1024)
    assert.equal((await push('HEAD:main')).code, 0)
  })
}

test('a small pack of differences from a large object takes no more than it has', async () => {
  const { gitDir, work, push } = await repository()
  await git(gitDir, ['config', 'transfer.unpackLimit', '1000'])
  const content = randomBytes(100 * 1024)
  for (let version = 0; version < 12; version++) {
    content[version * 100]! ^= 1
    await writeFile(join(work, 'file'), content)
    await git(work, ['add', 'file'])
    await git(work, ['commit', '--quiet', '-m', 'More'])
    if (version === 0) assert.equal((await push('HEAD:main')).code, 0)
  }
  assert.equal((await push('HEAD:main')).code, 0)
  const { loose, packed } = await sizesOf(gitDir)
  assert.ok(packed <= 300 && loose === 0, `${packed} KiB in packs, and ${loose} KiB of loose objects`)
})

/** In KiB. */
async function sizesOf(gitDir: string): Promise<{ loose: number; packed: number }> {
  const counts = await git(gitDir, ['count-objects', '-v'])
  const sizeOf = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(counts)?.[1])
  return { loose: sizeOf('size'), packed: sizeOf('size-pack') }
}

test('from a repository that is over its limit, references can still be deleted', async () => {
  const { gitDir, commit, push } = await repository()
  await commit(100 * 1024)
  assert.equal((await push('HEAD:main', 'HEAD:gone')).code, 0)
  await writeFile(join(gitDir, 'objects/pack/pack-of-an-operator.pack'), randomBytes(400 * 1024))
  const full = await push('HEAD:other')
  assert.match(full.stderr, /has 50\d\.\d+ KiB already\. Deleting references is still possible/)
  assert.equal((await push(':gone')).code, 0)
  assert.notEqual((await push(':main', 'HEAD:other')).code, 0)
  assert.equal(await git(gitDir, ['for-each-ref', '--format=%(refname)']), 'refs/heads/main')
})

test('the smaller limit counts', async () => {
  const { work, commit } = await repository()
  await git(work, ['remote', 'set-url', 'origin', `${stack.url}/free/one.git`])
  await commit(3 * 2 ** 20)
  const { stderr } = await tryGit(work, ['push', 'origin', 'HEAD:main'])
  assert.match(stderr, /larger than the 2\.00 MiB that may be pushed to this repository at once \(SLUICE_MAX_PUSH/)
})
