import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/** Objects with defects: some are let through, and others are refused with the defect's name. */

let stack: Stack
let bare: string
let work: string
let blob: string
let tree: string

before(async () => {
  stack = await startStack()
  bare = join(stack.root, 'old.git')
  await git(stack.folder, ['init', '--quiet', '--bare', bare])
  await importHistory(bare, 2)
  await git(stack.folder, ['clone', '--quiet', `${stack.url}/old.git`, 'old'])
  work = join(stack.folder, 'old')
  tree = await git(work, ['rev-parse', 'main^{tree}'])
  blob = await git(work, ['rev-parse', 'main:file-1.txt'])
})
after(() => stack[Symbol.asyncDispose]())

const write = (type: string, input: string | Buffer) =>
  git(work, ['hash-object', '-t', type, '-w', '--literally', '--stdin'], { input })

async function commitOf(treeId: string, author = 'A User <user@example.org> 1 +0000'): Promise<string> {
  return write('commit', `tree ${treeId}\nauthor ${author}\ncommitter A User <user@example.org> 1 +0000\n\nold\n`)
}

async function treeOf(mode: string, name: string, id: string): Promise<string> {
  return write('tree', Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')]))
}

let count = 0
/** Pushes a pack that is kept, and one that is small enough to be unpacked: two programs check them. */
async function push(id: string): Promise<{ code: number | null; stderr: string }[]> {
  const results = []
  for (const limit of ['1', '100']) {
    await git(bare, ['config', 'receive.unpackLimit', limit])
    results.push(await tryGit(work, ['push', 'origin', `${id}:refs/heads/defect-${++count}`]))
  }
  return results
}

test('defects that old programs have left in many histories are let through', async () => {
  const folder = await treeOf('100644', 'file', blob)
  for (const id of [
    await commitOf(tree, 'A User <user@example.org> 1 +051800'),
    await commitOf(tree, 'A User <user@example.org>1 +0000'),
    await commitOf(await treeOf('040000', 'folder', folder)),
  ]) {
    for (const { code, stderr } of await push(id)) assert.equal(code, 0, stderr)
  }
})

test('a repository may refuse these defects', async () => {
  await git(bare, ['config', 'receive.fsck.badTimezone', 'error'])
  const results = await push(await commitOf(tree, 'A User <user@example.org> 1 +051801'))
  await git(bare, ['config', '--unset', 'receive.fsck.badTimezone'])
  for (const { code, stderr } of results) {
    assert.equal(code, 1)
    assert.match(stderr, /remote: hint: .*receive\.fsck\.badTimezone ignore/s)
  }
})

test('every other defect is refused, with its name and the setting', async () => {
  const linkToModules = await write('blob', 'elsewhere')
  for (const [defect, id] of [
    ['missingEmail', await commitOf(tree, 'A User 1 +0000')],
    ['hasDotgit', await commitOf(await treeOf('100644', '.git', blob))],
    ['hasDotdot', await commitOf(await treeOf('100644', '..', blob))],
    ['gitmodulesSymlink', await commitOf(await treeOf('120000', '.gitmodules', linkToModules))],
    ['nullSha1', await commitOf(await treeOf('160000', 'nothing', '0'.repeat(40)))],
  ] as const) {
    for (const { code, stderr } of await push(id)) {
      assert.equal(code, 1, defect)
      assert.match(
        stderr,
        new RegExp(`remote: error: object [0-9a-f]+: ${defect}: .*\\n(?:remote: .*\\n)*?remote: hint: "${defect}"`),
      )
      assert.match(stderr, new RegExp(`remote: hint: .*"git config receive\\.fsck\\.${defect} ignore"`))
      assert.match(stderr, /\[remote rejected\]/)
    }
  }
})
