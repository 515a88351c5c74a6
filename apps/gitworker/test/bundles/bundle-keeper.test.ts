import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { VisibleCommits } from '../../src/archive/visible-commits.ts'
import { bundlePath, readBundle } from '../../src/bundles/bundle-file.ts'
import { BundleKeeper } from '../../src/bundles/bundle-keeper.ts'
import { Bundles, bundleSettings, isWholeClone } from '../../src/bundles/bundles.ts'
import { CloneCounts } from '../../src/bundles/clone-counts.ts'
import { JobError } from '../../src/process/job/job.ts'
import type { RunJob } from '../../src/process/job/job.ts'
import type { RunLongJob } from '../../src/process/job/long-job.ts'

const day = 24 * 3_600_000
const { signal } = new AbortController()
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let gitDir: string
let tip: string
let clones: CloneCounts
let keeper: BundleKeeper
let bundles: Bundles
/** What `git bundle` does before it fails; undefined where it does not fail. */
let fault: ((args: readonly string[]) => Promise<void>) | undefined

const runJob: RunJob = async (args, { okCodes = [0] } = {}) => {
  const { code, stdout, stderr } = await tryGit('/', args)
  if (!okCodes.includes(code ?? -1)) throw new JobError(stderr)
  return stdout
}

const runLongJob: RunLongJob = async (args) => {
  await fault?.(args)
  if (fault) throw new JobError('It was killed.')
  return { code: 0, output: await runJob(args) }
}

beforeEach(async () => {
  folder = await temporaryFolder()
  gitDir = folder.path
  await git(gitDir, ['init', '--quiet', '--bare', '.'])
  await importHistory(gitDir, 5)
  tip = await git(gitDir, ['rev-parse', 'main'])
  clones = new CloneCounts(1)
  bundles = new Bundles({ commits, clones })
  fault = undefined
  keeper = newKeeper()
})
afterEach(() => folder[Symbol.asyncDispose]())

const commits = new VisibleCommits({ runJob, answers: undefined, build: '', knowsHidden: true })
const checkRoom = async (bytes: number) => {
  if (bytes > 1e9) throw new Refusal('disk_low')
}
const newKeeper = () => new BundleKeeper({ bundles, commits, clones, runJob, runLongJob, checkRoom, now: Date.now })

const mib = 2 ** 20
const work = (bytes = mib) => keeper.workFor(gitDir, bytes, signal)
const write = () => keeper.do('write-bundle', gitDir, mib, signal)

async function agedBy(milliseconds: number): Promise<void> {
  const time = new Date(Date.now() - milliseconds)
  await utimes(bundlePath(gitDir), time, time)
}

test('a repository that is cloned often, and is no small one, gets a bundle of all of its default branch', async () => {
  assert.equal(await work(), undefined)
  clones.add(gitDir)
  assert.equal(await work(1000), undefined)
  assert.equal(await work(), 'write-bundle')
  await git(gitDir, ['branch', 'other', 'main~1'])
  const written = await write()
  assert.equal(written?.id, tip)
  assert.deepEqual(readBundle(gitDir), written)
  assert.deepEqual(await readdir(join(gitDir, 'bundles')), ['default.bundle'])
  assert.equal(bundles.isOffered(gitDir), true)
  await git(gitDir, ['clone', '--quiet', '--bare', bundlePath(gitDir), 'from-bundle'])
  assert.equal(
    await git(join(gitDir, 'from-bundle'), ['for-each-ref', '--format=%(objectname) %(refname)']),
    `${tip} refs/heads/main`,
  )
  assert.equal(await work(), undefined)
})

test('it is renewed a day later if its branch has moved and it is still cloned often, else kept for a week', async () => {
  clones.add(gitDir)
  await write()
  await importHistory(gitDir, 7)
  assert.equal(await work(), undefined)
  await agedBy(day * 1.1)
  assert.equal(await work(), 'write-bundle')
  assert.equal((await write())?.id, await git(gitDir, ['rev-parse', 'main']))
  clones = new CloneCounts(1)
  keeper = newKeeper()
  await agedBy(day * 6.9)
  assert.equal(await work(), undefined)
  await agedBy(day * 7.1)
  assert.equal(await work(), 'remove-bundle')
})

test('it is removed, and not offered to anybody, when no reference that clients see leads to it any more', async () => {
  const owner = { id: 'request', signal }
  clones.add(gitDir)
  const bundle = (await write())!
  assert.equal(await bundles.isVisible(gitDir, bundle, owner), true)
  // Hidden, then rewritten.
  await git(gitDir, ['config', 'transfer.hideRefs', 'refs/heads/main'])
  await git(gitDir, ['config', '--add', 'transfer.hideRefs', 'HEAD'])
  assert.equal(await bundles.isVisible(gitDir, bundle, owner), false)
  assert.equal(await work(), 'remove-bundle')
  await git(gitDir, ['config', '--unset-all', 'transfer.hideRefs'])
  await git(gitDir, ['update-ref', 'refs/heads/main', 'main~2'])
  assert.equal(await bundles.isVisible(gitDir, bundle, owner), false)
  assert.equal(await work(), 'remove-bundle')
  await keeper.do('remove-bundle', gitDir, 0, signal)
  assert.equal(existsSync(join(gitDir, 'bundles')), false)
  assert.equal(await work(), 'write-bundle')
})

test('none is made where the branch is hidden, there is none, or objects may be elsewhere', async () => {
  clones.add(gitDir)
  const without = async (change: () => Promise<unknown>, undo: () => Promise<unknown>) => {
    await change()
    assert.equal(await work(), undefined, String(change))
    assert.equal(await write(), undefined)
    await undo()
    assert.equal(await work(), 'write-bundle')
  }
  const config = (...args: string[]) => git(gitDir, ['config', ...args])
  await without(
    () => config('uploadpack.hideRefs', 'refs/heads'),
    () => config('--unset', 'uploadpack.hideRefs'),
  )
  await without(
    () => config('remote.origin.promisor', 'true'),
    () => config('--unset', 'remote.origin.promisor'),
  )
  await without(
    () => config('uploadpack.advertiseBundleURIs', 'true'),
    () => config('--unset', 'uploadpack.advertiseBundleURIs'),
  )
  await without(
    () => git(gitDir, ['symbolic-ref', 'HEAD', 'refs/heads/nothing']),
    () => git(gitDir, ['symbolic-ref', 'HEAD', 'refs/heads/main']),
  )
  await without(
    () => writeFile(join(gitDir, 'shallow'), `${tip}\n`),
    () => rm(join(gitDir, 'shallow')),
  )
})

test('a bundle that is not finished leaves the old one and nothing else, and what a killed host left is removed', async () => {
  clones.add(gitDir)
  const first = await write()
  await importHistory(gitDir, 6)
  fault = async (args) => writeFile(args.at(-2)!, '# v2 git bundle\n')
  await assert.rejects(write(), JobError)
  assert.deepEqual(readBundle(gitDir), first)
  assert.deepEqual(await readdir(join(gitDir, 'bundles')), ['default.bundle'])
  fault = undefined
  await writeFile(join(gitDir, 'bundles/new-0123.lock'), 'half')
  await write()
  assert.deepEqual(await readdir(join(gitDir, 'bundles')), ['default.bundle'])
  await assert.rejects(keeper.do('write-bundle', gitDir, 2e9, signal), { reason: 'disk_low' })
})

test('a file that is no bundle of one whole branch is none', async () => {
  await mkdir(join(gitDir, 'bundles'))
  for (const text of [
    '',
    'x',
    `# v2 git bundle\n-${tip}\n${tip} refs/heads/main\n\nPACK`,
    `# v2 git bundle\n${tip} refs/tags/x\n\nPACK`,
  ]) {
    await writeFile(bundlePath(gitDir), text)
    assert.equal(readBundle(gitDir), undefined, text)
  }
})

test('git is told of a bundle relative to the repository, and of none where there is none', () => {
  assert.deepEqual(bundleSettings(undefined), [['uploadpack.advertiseBundleURIs', 'true']])
  assert.deepEqual(Object.fromEntries(bundleSettings(tip)), {
    'uploadpack.advertiseBundleURIs': 'true',
    'bundle.version': '1',
    'bundle.mode': 'all',
    'bundle.default.uri': `bundles/${tip}.bundle`,
  })
})

test('a fetch is a whole clone if its client has nothing, and wants all', () => {
  const asked = (...args: string[]) => ({ command: 'fetch', capabilities: [], args, isPlain: true })
  assert.equal(isWholeClone(asked(`want ${tip}`, 'ofs-delta', 'done')), true)
  assert.equal(isWholeClone(undefined), true)
  for (const line of [`have ${tip}`, 'deepen 1', 'deepen-since 1', 'filter blob:none', `shallow ${tip}`]) {
    assert.equal(isWholeClone(asked(`want ${tip}`, line, 'done')), false, line)
  }
})
