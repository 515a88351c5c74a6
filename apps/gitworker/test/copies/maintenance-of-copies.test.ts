import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { git, tryGit } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import { TwoHosts } from '../support/two-hosts.ts'

const parts = new AsyncDisposableStack()
let hosts: TwoHosts
let work: string

/** Copies are read from while a read lease is live, which is for a part of this. */
const settings = { SLUICE_LEASE: '5s', SLUICE_MAINTENANCE: 'on', SLUICE_MAINTENANCE_GRACE: '1h' }

before(async () => {
  hosts = parts.use(await TwoHosts.open(settings))
  work = await hosts.makeWorkTree(240)
})

after(() => parts.disposeAsync())

async function looseObjectsAt(host: string): Promise<number> {
  return Number.parseInt(await git(join(hosts.folder, host, 'busy.git'), ['count-objects']))
}

test('a copy that only follows pushes is repacked, beside pushes to it and reads from it, and nothing is lost', async () => {
  const url = await hosts.place('busy.git')
  // Each brings less than git would keep as a pack. How many objects there are in all, maintenance estimates.
  for (let left = 210; left >= 0; left -= 30) await git(work, ['push', '--quiet', url, `main~${left}:refs/heads/main`])
  let count = 0
  await until('both hosts to have done it', async () => {
    const read = `read-${++count}`
    await git(work, ['commit', '--quiet', '--allow-empty', '-m', `meanwhile ${count}`])
    await git(work, ['push', '--quiet', '--force', url, 'main', `main:refs/heads/topic-${count % 5}`])
    const { code } = await tryGit(hosts.folder, ['clone', '--quiet', '--bare', hosts.urlAt('two', 'busy.git'), read])
    // A read lease may be over for a moment on a busy machine.
    if (code === 0) await git(join(hosts.folder, read), ['fsck', '--connectivity-only'])
    return new Set(hosts.lines.flatMap(({ msg, by }) => (msg === 'maintained' ? [by] : []))).size === 2
  })
  await git(work, ['push', '--quiet', url, 'main~1:refs/heads/last'])
  await hosts.assertSame('busy.git', 'in shape')
  assert.ok((await looseObjectsAt('two')) < 500)
  await git(join(hosts.folder, 'two/busy.git'), ['fsck', '--strict'])
  assert.equal(await hosts.lastWay(), 'receive-pack')
})
