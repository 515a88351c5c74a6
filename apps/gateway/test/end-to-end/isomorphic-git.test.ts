import assert from 'node:assert/strict'
import fs from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import isomorphicGit from 'isomorphic-git'
import http from 'isomorphic-git/http/node'
import { git, importHistory } from '@sluice/shared/testing/git'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/** A second, independent implementation of the protocol's client side. */

let stack: Stack
before(async () => {
  stack = await startStack()
  await git(stack.folder, ['init', '--quiet', '--bare', join(stack.root, 'project.git')])
  await importHistory(join(stack.root, 'project.git'), 5)
})
after(() => stack[Symbol.asyncDispose]())

test('isomorphic-git clones, commits, pushes and fetches', async () => {
  const author = { name: 'A User', email: 'user@example.org' }
  const url = `${stack.url}/project.git`
  const dir = join(stack.folder, 'first')
  await isomorphicGit.clone({ fs, http, dir, url })
  assert.equal((await isomorphicGit.log({ fs, dir })).length, 5)

  await writeFile(join(dir, 'new.txt'), 'new\n')
  await isomorphicGit.add({ fs, dir, filepath: 'new.txt' })
  const id = await isomorphicGit.commit({ fs, dir, message: 'Add new.txt', author })
  const result = await isomorphicGit.push({ fs, http, dir, remote: 'origin', ref: 'main' })
  assert.equal(result.ok, true)
  assert.equal(await git(join(stack.root, 'project.git'), ['rev-parse', 'main']), id)
  await git(join(stack.root, 'project.git'), ['fsck', '--full', '--strict'])

  const second = join(stack.folder, 'second')
  await isomorphicGit.clone({ fs, http, dir: second, url, depth: 2, singleBranch: true })
  assert.equal((await isomorphicGit.log({ fs, dir: second })).length, 2)

  const refs = await isomorphicGit.listServerRefs({ http, url, protocolVersion: 2 })
  assert.ok(refs.some((ref) => ref.ref === 'refs/heads/main' && ref.oid === id))
})

test('isomorphic-git is told why a push is refused', async () => {
  const dir = join(stack.folder, 'third')
  await isomorphicGit.clone({ fs, http, dir, url: `${stack.url}/project.git` })
  await assert.rejects(isomorphicGit.push({ fs, http, dir, url: `${stack.url}/project.git/inner`, ref: 'main' }), /409/)
})
