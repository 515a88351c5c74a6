import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { git } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import { largeRepository } from '@sluice/shared/testing/requests'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/** Bundles of repositories that are cloned often: made, served as files, and used by a git that can (2.40). */

const [, minor = ''] = /^git version 2\.(\d+)/.exec(execFileSync('git', ['version'], { encoding: 'utf8' })) ?? []
const gitCan = Number(minor) >= 40

let stack: Stack
let gitDir: string
let tip: string

before(async () => {
  const pretends = fileURLToPath(new URL('../fixtures/says-git-2.40.sh', import.meta.url))
  stack = await startStack({
    SLUICE_MAINTENANCE: 'on',
    SLUICE_BUNDLE_CLONES: '2',
    ...(!gitCan && { SLUICE_GIT: pretends }),
  })
  gitDir = join(stack.root, 'large.git')
  await largeRepository(gitDir)
  await git(gitDir, ['repack', '-a', '-d', '-q'])
  tip = await git(gitDir, ['rev-parse', 'main'])
})
after(() => stack[Symbol.asyncDispose]())

const path = () => `/large.git/bundles/${tip}.bundle`
const get = (headers: Record<string, string> = {}, method = 'GET') =>
  ask(stack.gateway.address, path(), { headers, method })

test('a repository that is cloned twice has a bundle soon after, and clients get it as a file', async () => {
  assert.equal((await get()).headers['sluice-reason'], 'bundle_missing')
  for (const clone of ['one', 'two']) await git(stack.folder, ['clone', '--quiet', `${stack.url}/large.git`, clone])
  await stack.supervisor.line(({ done }) => Array.isArray(done) && done.includes('write-bundle'))
  const head = await get({}, 'HEAD')
  assert.equal(head.status, 200)
  assert.equal(head.headers['content-type'], 'application/x-git-bundle')
  const whole = await get()
  assert.match(whole.body, /^# v2 git bundle\n/)
  assert.equal(whole.headers['content-length'], head.headers['content-length'])
  const part = await get({ 'Range': 'bytes=2-14', 'If-Range': whole.headers.etag ?? '' })
  assert.deepEqual([part.status, part.body], [206, 'v2 git bundle'])
  assert.equal(part.headers['content-range'], `bytes 2-14/${whole.headers['content-length']}`)
  assert.equal((await get({ Range: 'bytes=99999999-' })).status, 416)
  assert.equal((await get({ 'If-None-Match': whole.headers.etag ?? '' })).status, 304)
  assert.equal((await get({}, 'POST')).headers['sluice-reason'], 'wrong_method')
  const other = await ask(stack.gateway.address, `/large.git/bundles/${'0'.repeat(40)}.bundle`)
  assert.equal(other.headers['sluice-reason'], 'bundle_missing')
})

test('a bundle downloaded with curl is a whole repository', async () => {
  execFileSync('curl', ['--silent', '--fail', '-o', 'large.bundle', `${stack.url}${path()}`], { cwd: stack.folder })
  await git(stack.folder, ['clone', '--quiet', '--bare', 'large.bundle', 'from-bundle.git'])
  assert.equal(await git(join(stack.folder, 'from-bundle.git'), ['rev-parse', 'main']), tip)
})

const skip = gitCan ? false : 'git is older than 2.40 and cannot use bundles'

test('git downloads the bundle, and fetches what has come since', { skip }, async () => {
  const work = join(stack.folder, 'one')
  await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'Later'])
  await git(work, ['push', '--quiet', 'origin', 'main'])
  const withId = ['-c', 'http.extraHeader=X-Request-Id: bundled']
  const clone = ['-c', 'transfer.bundleURI=true', 'clone', '--quiet', `${stack.url}/large.git`, 'bundled']
  await git(stack.folder, [...withId, ...clone])
  assert.equal(await git(join(stack.folder, 'bundled'), ['rev-parse', 'HEAD']), await git(work, ['rev-parse', 'HEAD']))
  const fetched = await stack.supervisor.line(({ kind, command }) => kind === 'rpc' && command === 'bundle-uri')
  assert.equal(fetched['outcome'], 'completed')
  const rest = await stack.supervisor.line((line) => line['requestId'] === 'bundled' && line['command'] === 'fetch')
  assert.ok((rest['bytesOut'] as number) < 10_000)
})

test('after a rewritten history, nobody gets the bundle, and it is removed', async () => {
  const work = join(stack.folder, 'two')
  await git(work, ['commit', '--quiet', '--amend', '-m', 'Without what should not be there'])
  await git(work, ['push', '--quiet', '--force', 'origin', 'main'])
  assert.equal((await get()).headers['sluice-reason'], 'bundle_missing')
  if (gitCan) {
    await git(stack.folder, ['-c', 'transfer.bundleURI=true', 'clone', '--quiet', `${stack.url}/large.git`, 'after'])
  }
  await stack.supervisor.line(({ done }) => Array.isArray(done) && done.includes('remove-bundle'))
})
