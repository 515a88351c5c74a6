import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, rename, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { beforeEach, afterEach, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, tryGit } from '@sluice/shared/testing/git'
import { bytesOf, maintain } from '../../src/maintenance/maintain.ts'
import type { Maintained } from '../../src/maintenance/maintain.ts'
import type { RunLongJob } from '../../src/process/job/long-job.ts'

const day = 24 * 60 * 60_000
const usual = { grace: 14 * day, cruftPacks: true, isPrecious: false, packsRefs: true, bigPackBytes: undefined }
const execute = promisify(execFile)
const runLongJob: RunLongJob = async (args) => {
  const { stdout } = await execute('git', [...args])
  return { code: 0, output: stdout }
}

describe('maintenance of one repository', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let repository: string
  let now: number

  beforeEach(async () => {
    folder = await temporaryFolder()
    repository = join(folder.path, 'a.git')
    await git(folder.path, ['init', '--quiet', '--bare', '--initial-branch=main', repository])
    now = Date.now()
  })

  afterEach(() => folder[Symbol.asyncDispose]())

  test('makes a heap of loose objects and references one pack, and loses nothing', async () => {
    await addCommits('main', 400)
    for (let branch = 0; branch < 120; branch++) await git(repository, ['update-ref', `refs/heads/b${branch}`, 'main'])
    const refs = await git(repository, ['for-each-ref'])
    const { done, before, after } = await maintained()
    assert.deepEqual(done, ['pack-refs', 'repack-all', 'commit-graph'])
    assert.ok(before.looseObjects > 500 && before.looseRefs > 100, JSON.stringify(before))
    assert.deepEqual([after.packs.length, after.looseObjects, after.looseRefs], [1, 0, 0])
    assert.ok(after.hasBitmap && bytesOf(after) < bytesOf(before))
    assert.equal(await git(repository, ['for-each-ref']), refs)
    await assertSound()
    assert.equal(await again(), undefined, 'it is in shape now')
  })

  test('keeps what nothing needs for its grace, counted from when it was first found, and not from its making', async () => {
    await addCommits('main', 400)
    await addCommits('gone', 10)
    const gone = await git(repository, ['rev-parse', 'gone'])
    await makeOld(30)
    await git(repository, ['update-ref', '-d', 'refs/heads/gone'])
    await maintained()
    assert.ok(await has(gone), 'a push may bring it back that saw the branch')
    now += 13 * day
    await addCommits('main', 400)
    await maintained()
    assert.ok(await has(gone))
    await git(repository, ['update-ref', 'refs/heads/back', gone])
    now += 30 * day
    await maintained('repack-all')
    assert.ok(await has(gone), 'a reference needs it again')
    await git(repository, ['update-ref', '-d', 'refs/heads/back'])
    await addCommits('main', 400)
    await maintained()
    now += 15 * day
    await maintained('repack-all')
    assert.ok(!(await has(gone)), 'its grace is over')
    await assertSound()
    assert.equal(await again(), undefined)
  })

  test('never removes an object of a repository from which others borrow', async () => {
    await addCommits('main', 400)
    await addCommits('gone', 10)
    const gone = await git(repository, ['rev-parse', 'gone'])
    await git(repository, ['update-ref', '-d', 'refs/heads/gone'])
    await maintained()
    now += 100 * day
    await addCommits('main', 400)
    const run = await maintain(repository, { ...usual, grace: undefined }, services(), signal())
    assert.ok(run && run !== 'busy')
    assert.ok(await has(gone))
  })

  test('keeps what a linked work tree has staged or committed, even if that is not there now', async () => {
    await addCommits('main', 400)
    const [here, away] = [join(folder.path, 'linked'), join(folder.path, 'on-another-disk')]
    await git(repository, ['worktree', 'add', '--quiet', '--detach', here, 'main'])
    await git(here, ['commit', '--quiet', '--allow-empty', '--message', 'Nowhere else'])
    await writeFile(join(here, 'new'), 'staged')
    await git(here, ['add', 'new'])
    const ids = (await git(here, ['rev-parse', 'HEAD', ':new'])).split('\n')
    await rename(here, away)
    await maintained()
    now += 15 * day
    await addCommits('main', 400)
    await maintained('repack-all')
    for (const id of ids) assert.ok(await has(id))
  })

  test('joins packs of a repository whose objects may never go, and keeps them all', async () => {
    await git(repository, ['config', 'extensions.preciousObjects', 'true'])
    await git(repository, ['config', 'core.repositoryFormatVersion', '1'])
    await addCommits('main', 400)
    await addCommits('gone', 10)
    const gone = await git(repository, ['rev-parse', 'gone'])
    await git(repository, ['update-ref', '-d', 'refs/heads/gone'])
    const precious = { ...usual, isPrecious: true }
    const run = await maintain(repository, precious, services(), signal())
    assert.ok(run && run !== 'busy')
    assert.deepEqual(run.done, ['join-packs', 'commit-graph'])
    assert.deepEqual([run.after.packs.length, run.after.looseObjects], [1, 0])
    assert.ok(await has(gone))
    await assertSound()
    assert.equal(await maintain(repository, precious, services(), signal()), undefined)
  })

  test('joins packs of a fork that others borrow from, though a bitmap of it cannot be', async () => {
    await addCommits('main', 10)
    const lender = repository
    repository = join(folder.path, 'fork.git')
    await git(folder.path, ['clone', '--quiet', '--bare', '--shared', lender, repository])
    await addCommits('main', 400)
    const precious = { ...usual, isPrecious: true }
    const run = await maintain(repository, precious, services(), signal())
    assert.ok(run && run !== 'busy')
    assert.deepEqual([run.after.packs.length, run.after.looseObjects, run.after.hasBitmap], [1, 0, false])
    await assertSound()
  })

  test('keeps a partial clone in shape, whose other objects are elsewhere', async () => {
    await addLarge(5)
    await git(repository, ['config', 'uploadpack.allowFilter', 'true'])
    const partial = join(folder.path, 'partial.git')
    await git(folder.path, ['clone', '--quiet', '--bare', '--filter=blob:none', `file://${repository}`, partial])
    repository = partial
    await git(repository, ['config', 'remote.origin.url', join(folder.path, 'nowhere')])
    await addCommits('main', 400)
    const { after } = await maintained('repack-all')
    assert.deepEqual([after.looseObjects, after.hasStrayPack, after.hasBitmap], [0, false, false])
    await assertSound()
    assert.equal(await again(), undefined)
  })

  test('leaves a repository alone in which somebody else collects garbage, and no lock behind', async () => {
    await addCommits('main', 400)
    const pid = join(repository, 'gc.pid')
    await writeFile(pid, `${process.ppid} ${hostname()}`)
    assert.equal(await again(), 'busy')
    await writeFile(pid, `1 elsewhere.example`)
    assert.equal(await again(), 'busy')
    await writeFile(pid, `4194305 ${hostname()}`)
    await maintained()
    assert.deepEqual(await locks(), [])
  })

  test('an operator’s gc waits for us as we wait for it', async () => {
    await addCommits('main', 400)
    let said = ''
    const asking: RunLongJob = async (args, options) => {
      if (said === '') {
        said = (await tryGit(repository, ['gc'])).stderr
        assert.equal(await again(), 'busy', 'nor does this process begin twice')
      }
      return await runLongJob(args, options)
    }
    await maintain(repository, usual, { ...services(), runLongJob: asking }, signal())
    assert.match(said, /gc is already running on machine/)
    assert.deepEqual(await locks(), [])
  })

  test('a failure leaves no lock', async () => {
    await addCommits('main', 400)
    const failing: RunLongJob = () => Promise.reject(new Error('no'))
    await assert.rejects(maintain(repository, usual, { ...services(), runLongJob: failing }, signal()), /no/)
    assert.deepEqual(await locks(), [])
  })

  test('removes temporary files of killed gits that are older than the grace, and no others', async () => {
    await addCommits('main', 400)
    const objects = join(repository, 'objects')
    const names = ['pack/tmp_pack_AbCdEf', 'pack/tmp_idx_AbCdEf', 'pack/mine.pack']
    for (const name of names) await writeFile(join(objects, name), 'x')
    await execute('mkdir', [join(objects, 'tmp_objdir-incoming-AbCdEf')])
    await maintained()
    for (const name of names) assert.ok(existsSync(join(objects, name)), name)
    const old = (now - 15 * day) / 1000
    names.push('pack/.tmp-123-pack-00ff.pack', 'tmp_objdir-incoming-AbCdEf')
    await writeFile(join(objects, 'pack/.tmp-123-pack-00ff.pack'), 'half a pack')
    for (const name of names) await utimes(join(objects, name), old, old)
    await addCommits('main', 400)
    const { removed } = await maintained()
    assert.equal(removed.length, 4, removed.join())
    assert.ok(existsSync(join(objects, 'pack/mine.pack')))
  })

  test('joins what is new without reading what is large', async () => {
    await addLarge(70)
    await maintained('repack-all')
    const large = await packs()
    await addCommits('main', 400)
    await maintained('repack-geometric')
    assert.ok(
      (await packs()).some((name) => large.includes(name)),
      'the large pack is the same',
    )
    await assertSound()
    assert.equal(await again(), undefined)
  })

  test('leaves packs as they are that the repository calls big, joins the others, and has a bitmap over all', async () => {
    await addLarge(70)
    await maintained('repack-all')
    const [large] = await packs()
    const able = { ...usual, bigPackBytes: 30 * 2 ** 20 }
    for (const _ of [1, 2]) {
      await addCommits('main', 400)
      const run = await maintain(repository, able, services(), signal())
      assert.ok(run && run !== 'busy')
      assert.deepEqual(
        [run.done, run.after.packs.length, run.after.hasBitmap],
        [['repack-all', 'commit-graph'], 2, true],
      )
      assert.ok((await packs()).includes(large!))
    }
    await assertSound()
    assert.equal(await maintain(repository, able, services(), signal()), undefined)
  })

  function services() {
    return { runLongJob, now: () => now, isShared: false }
  }

  async function again() {
    return await maintain(repository, usual, services(), signal())
  }

  async function maintained(expected?: string): Promise<Maintained> {
    const run = await again()
    assert.ok(run && run !== 'busy')
    if (expected) assert.ok(run.done.includes(expected as never), run.done.join())
    return run
  }

  async function has(id: string): Promise<boolean> {
    return (await tryGit(repository, ['cat-file', '-e', id])).code === 0
  }

  async function assertSound(): Promise<void> {
    const { code, stdout, stderr } = await tryGit(repository, ['fsck', '--full', '--strict'])
    assert.equal(code, 0, stdout + stderr)
  }

  async function makeOld(days: number): Promise<void> {
    const old = (now - days * day) / 1000
    for (const entry of await readdir(join(repository, 'objects'), { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) await utimes(join(entry.parentPath, entry.name), old, old)
    }
  }

  async function locks(): Promise<string[]> {
    return (await readdir(repository)).filter((name) => name.startsWith('gc.'))
  }

  async function packs(): Promise<string[]> {
    return (await readdir(join(repository, 'objects/pack'))).filter((name) => name.endsWith('.pack'))
  }

  /** Loose objects, as small pushes leave them. */
  async function addCommits(branch: string, count: number): Promise<void> {
    const known = await tryGit(repository, ['rev-parse', '--verify', '--quiet', `refs/heads/${branch}`])
    const lines = Array.from({ length: count }, (_, index) => {
      const from = index === 0 && known.code === 0 ? `from ${known.stdout.trim()}\n` : ''
      const text = `${branch} ${now} ${index} ${Math.random()}\n`
      return (
        `commit refs/heads/${branch}\ncommitter A <a@example.com> ${1_700_000_000 + index} +0000\ndata 1\nx\n${from}` +
        `M 100644 inline file-${index % 7}\ndata ${text.length}\n${text}\n`
      )
    })
    await fastImport(lines.join(''), 100_000)
  }

  async function addLarge(megabytes: number): Promise<void> {
    await git(repository, ['config', 'core.bigFileThreshold', '512k'])
    const files = Array.from({ length: megabytes }, (_, index) => {
      const content = randomBytes(2 ** 19).toString('hex')
      return `M 100644 inline large-${index}\ndata ${content.length}\n${content}\n`
    })
    const head = `commit refs/heads/large\ncommitter A <a@example.com> 1700000000 +0000\ndata 1\nx\n`
    await fastImport(head + files.join(''), 1)
  }

  async function fastImport(text: string, unpackLimit: number): Promise<void> {
    const settings = ['-c', `fastimport.unpackLimit=${unpackLimit}`, '-c', 'core.compression=0']
    await git(repository, [...settings, 'fast-import', '--quiet'], { input: text })
  }
})

function signal(): AbortSignal {
  return new AbortController().signal
}
