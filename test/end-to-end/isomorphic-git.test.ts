import assert from 'node:assert/strict'
import fs from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { add, clone, commit, listServerRefs, log, push } from 'isomorphic-git'
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
  await clone({ fs, http, dir, url })
  assert.equal((await log({ fs, dir })).length, 5)

  await writeFile(join(dir, 'new.txt'), 'new\n')
  await add({ fs, dir, filepath: 'new.txt' })
  const id = await commit({ fs, dir, message: 'Add new.txt', author })
  const result = await push({ fs, http, dir, remote: 'origin', ref: 'main' })
  assert.equal(result.ok, true)
  assert.equal(await git(join(stack.root, 'project.git'), ['rev-parse', 'main']), id)
  await git(join(stack.root, 'project.git'), ['fsck', '--full', '--strict'])

  const second = join(stack.folder, 'second')
  await clone({ fs, http, dir: second, url, depth: 2, singleBranch: true })
  assert.equal((await log({ fs, dir: second })).length, 2)

  const refs = await listServerRefs({ http, url, protocolVersion: 2 })
  assert.ok(refs.some((ref) => ref.ref === 'refs/heads/main' && ref.oid === id))
})

test('isomorphic-git is told why a push is refused', async () => {
  const dir = join(stack.folder, 'third')
  await clone({ fs, http, dir, url: `${stack.url}/project.git` })
  await assert.rejects(push({ fs, http, dir, url: `${stack.url}/project.git/inner`, ref: 'main' }), /409/)
})

test('isomorphic-git creates a repository by its first push', async () => {
  const dir = join(stack.folder, 'fourth')
  const url = `${stack.url}/team/created.git`
  await clone({ fs, http, dir, url: `${stack.url}/project.git` })
  const result = await push({ fs, http, dir, url, ref: 'main', remoteRef: 'refs/heads/trunk' })
  assert.equal(result.ok, true)
  const bare = join(stack.root, 'team/created.git')
  assert.equal(await git(bare, ['symbolic-ref', 'HEAD']), 'refs/heads/trunk')
  await git(bare, ['fsck', '--full', '--strict'])
})
