import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { git, tryGit } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/** `git archive --remote` is not offered, and says so. */

const sentence = 'git archive --remote is not offered here: clone the repository'

let stack: Stack
before(async () => {
  stack = await startStack()
  await git(stack.root, ['init', '--quiet', '--bare', 'project.git'])
})
after(() => stack[Symbol.asyncDispose]())

test('a request as git sends it since 2.44 is answered with an error packet, which git shows', async () => {
  for (const name of ['project.git', 'missing.git']) {
    const reply = await ask(stack.gateway.address, `/${name}/git-upload-archive`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-git-upload-archive-request', 'User-Agent': 'git/2.44.0' },
      body: '0012argument HEAD\n0000',
    })
    assert.equal(reply.status, 200)
    assert.equal(reply.headers['content-type'], 'application/x-git-upload-archive-result')
    assert.equal(reply.headers['sluice-reason'], 'archive_not_offered')
    assert.equal(reply.body.slice(4, 8 + sentence.length), `ERR ${sentence}`)
    assert.equal(parseInt(reply.body.slice(0, 4), 16), Buffer.byteLength(reply.body))
  }
  const line = await stack.gateway.line(({ reason }) => reason === 'archive_not_offered')
  assert.deepEqual([line['outcome'], line['status']], ['refused', 403])
})

test('a client that asks in another way reads the sentence as the text of a refusal', async () => {
  for (const [path, method] of [
    ['/project.git/git-upload-archive', 'GET'],
    ['/project.git/git-upload-archive', 'POST'],
    ['/project.git/info/refs?service=git-upload-archive', 'GET'],
  ] as const) {
    const reply = await ask(stack.gateway.address, path, { method })
    assert.equal(reply.status, 403, path)
    assert.equal(reply.headers['content-type'], 'text/plain; charset=utf-8')
    assert.ok(reply.body.startsWith(sentence), reply.body)
  }
})

test('the git that is installed here ends with a sentence', async () => {
  const { code, stderr } = await tryGit(stack.folder, ['archive', `--remote=${stack.url}/project.git`, 'HEAD'])
  assert.notEqual(code, 0)
  assert.match(stderr, /not supported by protocol|not offered here/)
})
