import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { chmod, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import { bringRepository } from '../../src/copies/catching-up/bring-repository.ts'
import { fakeCluster, openCopyingHost } from '../support/copying-hosts.ts'

const never = new AbortController().signal

test('a git that hangs at a copy that catches up is ended after a while', async () => {
  await using folder = await temporaryFolder()
  const hangs = join(folder.path, 'hangs.sh')
  await writeFile(hangs, '#!/bin/sh\ncase "$*" in *alias.copy*) exec sleep 600;; esac\nexec git "$@"\n')
  await chmod(hangs, 0o755)
  const cluster = fakeCluster('one', 'two')
  await using one = await openCopyingHost(cluster, 'one', { copyTimeout: 2000 })
  await using two = await openCopyingHost(cluster, 'two', { git: hangs, longestSilence: 500 })
  await git(one.root, ['init', '--quiet', '--bare', 'r.git'])
  await importHistory(join(one.root, 'r.git'), 1)
  const brought = bringRepository(one.brought, { repository: 'r', copy: 'two', term: 7 }, never)
  await assert.rejects(brought, /no progress for 2000 ms/)
  await until('its git to be gone', () => two.serving().length === 0)
})

test('a git that fails at a copy, as with a full disk, leaves no half-written object', async () => {
  await using folder = await temporaryFolder()
  const [fails, isFull] = [join(folder.path, 'fails.sh'), join(folder.path, 'full')]
  const cluster = fakeCluster('one', 'two')
  await using one = await openCopyingHost(cluster, 'one')
  await using two = await openCopyingHost(cluster, 'two', { git: fails })
  const objects = join(two.root, 'r.git/objects')
  const leaves = `mkdir -p ${objects}/fd && echo half > ${objects}/fd/tmp_obj_AbCdEf && exit 128`
  await writeFile(fails, `#!/bin/sh\n[ -e ${isFull} ] && case "$*" in *alias.copy*) ${leaves};; esac\nexec git "$@"\n`)
  await chmod(fails, 0o755)
  const bring = () => bringRepository(one.brought, { repository: 'r', copy: 'two', term: 7 }, never)
  await git(one.root, ['init', '--quiet', '--bare', 'r.git'])
  await bring()
  await importHistory(join(one.root, 'r.git'), 1)
  await writeFile(isFull, '')
  await assert.rejects(bring())
  // The sweep comes when its worker is gone.
  await until('nothing of it to be left', async () => (await readdir(join(objects, 'fd'))).length === 0)
})

test('a copy waits for locks as long as a push does, since its own upkeep may have them', async () => {
  const cluster = fakeCluster('one', 'two')
  await using one = await openCopyingHost(cluster, 'one')
  await using two = await openCopyingHost(cluster, 'two')
  await git(one.root, ['init', '--quiet', '--bare', 'r.git'])
  await importHistory(join(one.root, 'r.git'), 1)
  await git(join(one.root, 'r.git'), ['branch', 'topic', 'main'])
  await one.copies.confirm('r', 7)
  const locks = ['packed-refs.lock', 'refs/heads/topic.lock'].map((name) => join(two.root, 'r.git', name))
  for (const lock of locks) await writeFile(lock, '')
  await git(join(one.root, 'r.git'), ['branch', '-D', 'topic'])
  const confirmed = one.copies.confirm('r', 7)
  await until('git to be at work', () => two.asked.get('/-/copies/follow') === 2 && two.serving().length > 0)
  // By itself, git waits for less, and with what a push waits for, for 5 s.
  setTimeout(() => locks.forEach((lock) => rmSync(lock, { force: true })), 1500)
  await confirmed
  assert.deepEqual(cluster.removed, [])
})
