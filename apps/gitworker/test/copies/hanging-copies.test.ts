import assert from 'node:assert/strict'
import { chmod, writeFile } from 'node:fs/promises'
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
