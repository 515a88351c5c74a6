import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { mountLosableDisk } from '@sluice/shared/testing/losable-disk'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/** Whatever a client was told is there, and whole, when the machine loses its power right after that. */

const trust = ['-c', 'safe.directory=*']
let stack: Stack
let work: string

before(async () => {
  stack = await startStack()
  work = join(stack.folder, 'work')
  await git(stack.folder, ['init', '--quiet', work])
  await importHistory(work, 20)
})
after(() => stack[Symbol.asyncDispose]())

type Seen = { readonly references: string; readonly texts: readonly string[]; readonly fsck: string }

/** All that clients see of a repository. */
async function seenIn(gitDir: string): Promise<Seen> {
  const references = await git(gitDir, [...trust, 'for-each-ref', '--format=%(refname) %(objectname)'])
  const texts = await Promise.all(['HEAD', 'config'].map((name) => readFile(join(gitDir, name), 'utf8')))
  const { code, stderr } = await tryGit(gitDir, [...trust, 'fsck', '--full', '--no-dangling'])
  return { references, texts, fsck: code === 0 ? '' : stderr }
}

const branches = (count: number) => Array.from({ length: count }, (_, number) => `main~1:refs/heads/topic/${number}/x`)

const pushes = [
  ['creates a repository', 'new.git', ['main~9:refs/heads/main']],
  ['brings commits', 'new.git', ['main~4:refs/heads/main']],
  ['settles HEAD', 'other.git', ['main~3:refs/heads/develop', 'main~7:refs/tags/v1']],
  ['brings branches in new folders', 'new.git', branches(60)],
  ['deletes a branch', 'new.git', [':refs/heads/topic/7/x', 'main:refs/heads/topic/8/x']],
  ['goes back', 'new.git', ['+main~12:refs/heads/main']],
  ['moves a symbolic branch', 'new.git', ['main:refs/heads/latest']],
  ['deletes branches that are packed', 'new.git', [':refs/heads/topic/9/x', ':refs/heads/topic/10/x']],
] as const

for (const kind of ['ext4', 'xfs', 'btrfs'] as const) {
  describe(kind, () => {
    test('a push that was acknowledged is there', async (t) => {
      const folder = join(stack.root, kind)
      await mkdir(folder)
      await using disk = await mountLosableDisk(kind, folder)
      if (!disk) return t.skip(`No ${kind} can be made and mounted here.`)
      for (const [what, name, refspecs] of pushes) {
        const gitDir = join(folder, name)
        if (what === 'moves a symbolic branch') {
          // What it leads to is found by nobody: that is on the disk where the file system keeps order.
          if (kind === 'btrfs') continue
          await git(gitDir, [...trust, 'symbolic-ref', 'refs/heads/latest', 'refs/heads/topic/1/x'])
          await git(gitDir, [...trust, 'pack-refs', '--all'])
          // What was done by hand, nobody has waited for.
          await promisify(execFile)('sync', ['--file-system', gitDir])
        }
        await git(work, ['push', '--quiet', `${stack.url}/${kind}/${name}`, ...refspecs])
        const left: Seen = await disk.afterLossOfPower((copy) => seenIn(join(copy, name)))
        assert.deepEqual(left, await seenIn(gitDir), `a push that ${what}`)
        assert.equal(left.fsck, '')
      }
    })
  })
}
