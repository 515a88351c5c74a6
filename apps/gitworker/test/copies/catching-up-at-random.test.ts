import assert from 'node:assert/strict'
import { cp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import { slotOf } from '@sluice/shared/placement/slot'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory } from '@sluice/shared/testing/git'
import { SeededRandom, testSeed } from '@sluice/shared/testing/seeded-random'
import { until } from '@sluice/shared/testing/until'
import { fakeCluster, openCopyingHost } from '../support/copying-hosts.ts'
import type { CopyingHost } from '../support/copying-hosts.ts'

/*
 * Whenever the record says that a copy is in sync, it has what the primary has of each repository that was confirmed and has
 * not been changed since. Meanwhile repositories are made, changed, renamed and deleted, and the copy fails.
 */

const seed = testSeed(1)
/** Each actor goes on until the copy was taken in so often, for so many steps at most. */
const joins = 2
const mostSteps = 60
const term = 7

/** The primary looks once in a second who lives. */
const awayMs = 1200

function namesOfSlot(slot: number, count: number): string[] {
  const names: string[] = []
  for (let number = 0; names.length < count; number++) if (slotOf(`r-${number}`) === slot) names.push(`r-${number}`)
  return names
}

/** All that copies must have, as text. */
async function stateAt({ root }: CopyingHost, name: string): Promise<string> {
  const gitDir = join(root, `${name}.git`)
  const config = await readFile(join(gitDir, 'config'), 'utf8').catch(() => undefined)
  if (config === undefined) return 'absent'
  const refs = await git(gitDir, ['for-each-ref', '--format=%(refname) %(objectname) %(symref)'])
  return [await readFile(join(gitDir, 'HEAD'), 'utf8'), config, refs].join('\n')
}

test(`a copy that is in sync has all that was confirmed, whatever happens (seed ${seed})`, async () => {
  const random = new SeededRandom(seed)
  const slot = slotOf('r-0')
  const cluster = fakeCluster('one', 'two')
  cluster.slot = slot
  cluster.record = { ...cluster.record!, inSync: ['one'] }
  await using hosts = new AsyncDisposableStack()
  const one = hosts.use(await openCopyingHost(cluster, 'one'))
  const two = hosts.use(await openCopyingHost(cluster, 'two'))
  const { path } = hosts.use(await temporaryFolder())
  const template = join(path, 'template.git')
  await mkdir(template)
  await git(template, ['init', '--quiet', '--bare'])
  await importHistory(template, 4)
  const names = namesOfSlot(slot, 6)
  for (const name of names.slice(0, 3)) await cp(template, join(one.root, `${name}.git`), { recursive: true })
  const isInSync = () => cluster.record!.inSync.includes('two')
  let compared = 0

  const assertSame = async (mine: readonly string[]) => {
    if (!isInSync()) return
    const removals = cluster.removed.length
    for (const name of mine) {
      const [expected, found] = [await stateAt(one, name), await stateAt(two, name)]
      if (cluster.removed.length > removals) return
      assert.equal(found, expected, `${name}, seed ${seed}`)
      compared++
    }
  }
  const change = async (mine: readonly [string, string]) => {
    const [name, other] = random.below(2) === 0 ? mine : [mine[1], mine[0]]
    const [gitDir, otherDir] = [join(one.root, `${name}.git`), join(one.root, `${other}.git`)]
    if ((await stateAt(one, name)) === 'absent') return await cp(template, gitDir, { recursive: true })
    const kind = random.below(8)
    if (kind === 0) return await rm(gitDir, { recursive: true })
    if (kind === 1 && (await stateAt(one, other)) === 'absent') return await rename(gitDir, otherDir)
    if (kind === 2) return void (await git(gitDir, ['config', 'sluice.test', String(random.below(1000))]))
    if (kind === 3) return void (await git(gitDir, ['symbolic-ref', 'HEAD', `refs/heads/topic-${random.below(3)}`]))
    const ref = `refs/heads/topic-${random.below(3)}`
    await git(gitDir, ['update-ref', ref, `refs/heads/main~${random.below(4)}`])
  }
  const actor = async (mine: readonly [string, string]) => {
    for (let step = 0; step < mostSteps && cluster.added.length < joins; step++) {
      await assertSame(mine)
      await change(mine)
      await Promise.all(mine.map((name) => one.copies.confirm(name, term)))
      await assertSame(mine)
    }
  }
  const over = new AbortController()
  const nemesis = async () => {
    while (!over.signal.aborted) {
      await pause(random.below(2500))
      const kind = random.below(4)
      if (kind === 0) for (const pid of two.serving()) kill(pid)
      if (kind === 1) two.server.closeAllConnections()
      if (kind < 2) continue
      const address = cluster.addresses.get('two')!
      cluster.addresses.delete('two')
      await pause(kind === 2 ? random.below(300) : awayMs)
      if (kind === 3 && !isInSync()) await strayAt(two)
      cluster.addresses.set('two', address)
    }
  }
  hosts.use(one.catchUp())
  const failing = nemesis()
  const pairs = [names.slice(0, 2), names.slice(2, 4), names.slice(4, 6)] as [string, string][]
  try {
    await Promise.all(pairs.map(actor))
  } finally {
    over.abort()
    await failing
  }
  await until(`the copy to be in sync (seed ${seed})`, isInSync)
  for (const mine of pairs) await assertSame(mine)
  assert.ok(compared > 0)
})

/** Something that was never acknowledged. */
async function strayAt({ root }: CopyingHost): Promise<void> {
  const [stray] = (await readdir(root)).filter((name) => /^r-\d+\.git$/.test(name))
  // It may not be whole.
  if (stray) await git(join(root, stray), ['update-ref', 'refs/heads/stray', 'main']).catch(() => {})
}

/** A worker and its git, if they still live. */
function kill(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}
