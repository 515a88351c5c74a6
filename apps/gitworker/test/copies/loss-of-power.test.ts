import assert from 'node:assert/strict'
import { cp, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory } from '@sluice/shared/testing/git'
import { mountLosableDisk } from '@sluice/shared/testing/losable-disk'
import { fakeCluster, openCopyingHost } from '../support/copying-hosts.ts'

/** What a copy says that it has is there when its machine loses its power right after that. */

const term = 7
const files = ['HEAD', 'config', 'refs/heads/main', 'refs/heads/latest', 'refs/remotes/origin/HEAD']

for (const kind of ['ext4', 'xfs', 'btrfs'] as const) {
  test(`a copy on ${kind} has what it has followed to: references, symbolic ones and HEAD`, async (t) => {
    const cluster = fakeCluster('one', 'two')
    await using hosts = new AsyncDisposableStack()
    const one = hosts.use(await openCopyingHost(cluster, 'one'))
    const two = hosts.use(await openCopyingHost(cluster, 'two'))
    await using before = await temporaryFolder()
    await cp(two.root, before.path, { recursive: true })
    const disk = await mountLosableDisk(kind, two.root)
    if (!disk) return t.skip(`No ${kind} can be made and mounted here.`)
    hosts.use(disk)
    await cp(before.path, two.root, { recursive: true })

    const gitDir = join(one.root, 'project.git')
    await mkdir(gitDir)
    await git(gitDir, ['init', '--quiet', '--bare', '--template='])
    await importHistory(gitDir, 3)
    const textsIn = async (folder: string) =>
      await Promise.all(files.map(async (name) => await readFile(join(folder, name), 'utf8').catch(() => 'none')))
    const isThere = async () => {
      await one.copies.confirm('project', term)
      const left = await disk.afterLossOfPower((copy) => textsIn(join(copy, 'project.git')))
      assert.deepEqual(left, await textsIn(join(two.root, 'project.git')))
    }
    await isThere()
    await git(gitDir, ['symbolic-ref', 'refs/heads/latest', 'refs/heads/main'])
    await git(gitDir, ['symbolic-ref', 'refs/remotes/origin/HEAD', 'refs/heads/main'])
    await isThere()
    await git(gitDir, ['symbolic-ref', 'HEAD', 'refs/heads/latest'])
    await git(gitDir, ['symbolic-ref', 'refs/heads/latest', 'refs/heads/topic'])
    await git(gitDir, ['update-ref', 'refs/heads/topic', 'main~1'])
    await isThere()
    assert.deepEqual(cluster.removed, [])
  })
}
