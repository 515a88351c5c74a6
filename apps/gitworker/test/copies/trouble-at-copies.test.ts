import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFile, chmod, copyFile, mkdir, rename, rm, statfs, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { formatAddress } from '@sluice/shared/network/address'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import { openHostsInProcess } from '../support/hosts-in-process.ts'
import type { HostsInProcess } from '../support/hosts-in-process.ts'
import { recordLog } from '../support/recorded-log.ts'

const run = promisify(execFile)
const three = ['one', 'two', 'three'] as const
const { lines, log } = recordLog()
const parts = new AsyncDisposableStack()
let hosts: HostsInProcess
let work: string
let operations: string
/** Whether `two` has a disk of its own: this user may not mount one everywhere. */
let isSmall = false

before(async () => {
  hosts = parts.use(await openHostsInProcess({}, log))
  const root = hosts.rootOf('two')
  await mkdir(root)
  isSmall = await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', root]).then(
    () => true,
    () => false,
  )
  const one = await hosts.start('one', { SLUICE_SUPERVISOR_OPERATIONS: '127.0.0.1:1' })
  operations = formatAddress(one.operations!)
  await hosts.start('two')
  await hosts.start('three')
  work = join(hosts.folder, 'work')
  await git(hosts.folder, ['init', '--quiet', 'work'])
  await importHistory(work, 3)
})

after(async () => {
  const root = hosts.rootOf('two')
  await hosts.stop('two')
  if (isSmall) await run('umount', ['-l', root])
  await parts.disposeAsync()
})

/** With `one` as its primary, and copies at both others. */
async function place(repository: string): Promise<string> {
  await hosts.place(repository, { primary: 'one', copies: three, inSync: three })
  return hosts.urlOf('one', repository)
}

async function assertSame(repository: string, ...others: string[]): Promise<void> {
  for (const other of others) assert.equal(await hosts.refsAt(other, repository), await hosts.refsAt('one', repository))
}

const untilInSync = (repository: string) =>
  until(
    `${repository} to be in sync everywhere`,
    async () => (await hosts.inSyncOf(repository)).length === three.length,
  )

/** What the primary says of copies that it cannot bring. */
async function problems(): Promise<string> {
  const reply = await fetch(`http://${operations}/-/cluster-host.json`)
  const { copies } = (await reply.json()) as { copies: { problems: { copy: string; why: string }[] } }
  return copies.problems.map(({ copy, why }) => `${copy}: ${why}`).join('\n')
}

async function assertNamed(copy: string, repository: string, why: RegExp): Promise<void> {
  const name = repository.replace('.git', '')
  const isAbout = (line: Record<string, unknown>) => line['copy'] === copy && JSON.stringify(line).includes(name)
  await until('the log to name it', () => lines.some((line) => isAbout(line) && why.test(JSON.stringify(line))))
  await until('the status to name it', async () => {
    const all = await problems()
    return all.includes(`${copy}: ${JSON.stringify(name)}`) && why.test(all)
  })
  await until('the metrics to count it', async () => {
    const metrics = await (await fetch(`http://${operations}/metrics`)).text()
    return /sluice_cluster_copies\{[^}]*state="failed"[^}]*\} [1-9]/.test(metrics)
  })
}

test('a copy whose disk is full is out of sync for what does not fit, and comes back when there is room', async (t) => {
  if (!isSmall) return t.skip('This user may not mount a tmpfs.')
  const [full, small, other] = [await place('full.git'), await place('small.git'), await place('other.git')]
  await Promise.all([full, small, other].map((url) => git(work, ['push', '--quiet', url, 'main~2:refs/heads/main'])))
  await writeFile(join(work, 'large'), randomBytes(8_000_000))
  await git(work, ['add', 'large'])
  await git(work, ['commit', '--quiet', '-m', 'large'])
  await git(work, ['push', '--quiet', full, 'main'])
  assert.deepEqual(await hosts.inSyncOf('full.git'), ['one', 'three'])
  await assertSame('full.git', 'three')
  await assertNamed('two', 'full.git', /No space left on device/)
  // What was begun is removed, so what is small has room again, while the large one is tried again and again.
  await git(work, ['push', '--quiet', small, 'main~1:main'])
  await assertSame('small.git', 'three')
  await untilInSync('small.git')
  await assertSame('small.git', 'two')
  const filler = join(hosts.rootOf('two'), 'filler')
  let count = 0
  await until('two to be out of sync', async () => {
    // What the last attempt to bring the large one had taken may be free again by now.
    const { bavail, bsize } = await statfs(hosts.rootOf('two'))
    await appendFile(filler, Buffer.alloc(bavail * bsize)).catch(() => {})
    await git(work, ['push', '--quiet', other, `main~1:refs/heads/small-${count++}`])
    return !(await hosts.inSyncOf('other.git')).includes('two')
  })
  assert.deepEqual(await hosts.inSyncOf('other.git'), ['one', 'three'])
  await assertSame('other.git', 'three')
  await rm(filler)
  await run('mount', ['-o', 'remount,size=64m', hosts.rootOf('two')])
  await untilInSync('other.git')
  await untilInSync('full.git')
  await assertSame('full.git', 'two')
  await git(join(hosts.rootOf('two'), 'full.git'), ['fsck', '--strict'])
})

/** Takes away half of an object that a repository has in a file of its own. @returns what puts it back */
async function damage(gitDir: string, revision: string): Promise<() => Promise<void>> {
  const id = await git(gitDir, ['rev-parse', revision])
  const file = join(gitDir, 'objects', id.slice(0, 2), id.slice(2))
  const whole = join(hosts.folder, `whole-${id}`)
  await copyFile(file, whole)
  await chmod(file, 0o644)
  await truncate(file, 20)
  return () => copyFile(whole, file)
}

test('a damaged copy is out of sync with the next push, and is brought anew when it is moved away', async () => {
  const [bad, well] = [await place('bad.git'), await place('well.git')]
  await Promise.all([bad, well].map((url) => git(work, ['push', '--quiet', url, 'main~2:refs/heads/main'])))
  const gitDir = join(hosts.rootOf('three'), 'bad.git')
  await damage(gitDir, 'main')
  await git(work, ['push', '--quiet', bad, 'main~1:main'])
  assert.deepEqual(await hosts.inSyncOf('bad.git'), ['one', 'two'])
  await assertSame('bad.git', 'two')
  await assertNamed('three', 'bad.git', /corrupt|bad object|did not send|missing|unable to/)
  await git(work, ['push', '--quiet', well, 'main~1:main'])
  assert.deepEqual(await hosts.inSyncOf('well.git'), three)
  await rename(gitDir, join(hosts.folder, 'damaged.git'))
  await untilInSync('bad.git')
  await assertSame('bad.git', 'two', 'three')
  await git(gitDir, ['fsck', '--strict'])
})

test('a damaged primary keeps its copies, and brings no new one before it is mended', async () => {
  const [torn, well] = [hosts.urlOf('one', 'torn.git'), await place('untorn.git')]
  const two = three.slice(0, 2)
  await hosts.place('torn.git', { primary: 'one', copies: two, inSync: two })
  await Promise.all([torn, well].map((url) => git(work, ['push', '--quiet', url, 'main~2:refs/heads/main'])))
  const gitDir = join(hosts.rootOf('one'), 'torn.git')
  const mend = await damage(gitDir, 'main')
  const { code } = await tryGit(work, ['push', torn, 'main~1:main'])
  assert.notEqual(code, 0)
  // A new term: the primary looks at its copies.
  await hosts.place('torn.git', { primary: 'one', copies: three, inSync: two })
  await assertNamed('three', 'torn.git', /create_failed: .*fatal/)
  assert.deepEqual(await hosts.inSyncOf('torn.git'), two)
  const isWhy = (line: object) =>
    /a host was not served/.test(JSON.stringify(line)) && /torn/.test(JSON.stringify(line))
  const why = await until('the log to say why', () => lines.find(isWhy))
  assert.match(JSON.stringify(why), /corrupt|bad object|unable to unpack/)
  await git(work, ['push', '--quiet', well, 'main~1:main'])
  assert.deepEqual(await hosts.inSyncOf('untorn.git'), three)
  await mend()
  await untilInSync('torn.git')
  await git(work, ['push', '--quiet', torn, 'main~1:main'])
  await assertSame('torn.git', 'two', 'three')
})
