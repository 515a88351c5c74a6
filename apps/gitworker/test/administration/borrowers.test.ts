import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, tryGit } from '@sluice/shared/testing/git'
import { collectGarbage } from '../../src/administration/change/collect-garbage.ts'
import type { GarbageServices } from '../../src/administration/change/collect-garbage.ts'
import { deleteRepository } from '../../src/administration/change/delete-repository.ts'
import type { MovingServices } from '../../src/administration/change/held-repository.ts'
import { purgeRepository } from '../../src/administration/change/purge-repository.ts'
import { purgeDue } from '../../src/administration/change/trashed-repository.ts'
import { borrowersOf } from '../../src/administration/lending/borrowers.ts'
import { MoveNotes } from '../../src/administration/move/move-notes.ts'
import { Turns } from '../../src/administration/operation/turns.ts'
import { Trash } from '../../src/administration/trash/trash.ts'
import { RepositoryUsers } from '../../src/repository/repository-users.ts'
import { asUser } from '../support/as-user.ts'

const fail = () => assert.fail()
const progress = { signal: new AbortController().signal, tell: () => {} }

describe('those who borrow', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let root: string
  let services: MovingServices & GarbageServices

  beforeEach(async () => {
    folder = await temporaryFolder()
    root = join(folder.path, 'root')
    mkdirSync(root)
    await git(root, ['init', '--quiet', '--bare', 'lender.git'])
    services = {
      root,
      turns: new Turns(),
      trash: new Trash(root, 0),
      notes: await MoveNotes.open(join(folder.path, 'notes'), silentLog),
      users: new RepositoryUsers(),
      answers: undefined,
      busyWait: 60_000,
      runJob: async (args, { okCodes = [0] } = {}) => {
        const { code, stdout, stderr } = await tryGit(root, args)
        assert.ok(okCodes.includes(code!), stderr)
        return stdout
      },
      runLongJob: async (args) => ({ code: 0, output: await git(root, args) }),
    }
  })

  afterEach(() => folder[Symbol.asyncDispose]())

  test('nothing is deleted, collected or purged while one cannot be read, which is named', async () => {
    await git(root, ['init', '--quiet', '--bare', 'gone.git'])
    const { id } = await remove('gone')
    await git(root, ['init', '--quiet', '--bare', 'odd.git'])
    const alternates = join(root, 'odd.git/objects/info/alternates')
    for (const leave of [
      () => mkdirSync(alternates),
      () => execFileSync('mkfifo', [alternates]),
      () => symlinkSync('alternates', alternates),
      () => writeFileSync(alternates, '"../../lender.git/objects\n'),
      () => writeFileSync(alternates, Buffer.alloc(2 ** 20, '/a\n')),
    ]) {
      leave()
      const isRefused = (said: { reason?: string; sentence?: string }) => {
        assert.equal(said.reason, 'borrowers_unknown', String(leave))
        assert.match(said.sentence ?? '', new RegExp(`: ${alternates} cannot be read`))
        return true
      }
      await assert.rejects(remove('lender'), isRefused)
      await assert.rejects(collectGarbage(services, { kind: 'gc', repository: 'lender' }, progress), isRefused)
      await assert.rejects(
        purgeRepository({ ...services, others: undefined }, { kind: 'purge', id }, progress),
        isRefused,
      )
      await assert.rejects(purgeDue(services, progress.signal, fail, fail), isRefused)
      rmSync(alternates, { recursive: true })
    }
    await remove('lender')
  })

  test('one that may not be read is not one that borrows nothing', async () => {
    mkdirSync(join(root, 'team'))
    await git(root, ['init', '--quiet', '--bare', 'closed.git'])
    chmodSync(root, 0o755)
    for (const closed of ['team', '.hidden', 'closed.git', 'closed.git/objects/info']) {
      mkdirSync(join(root, closed), { recursive: true })
      chmodSync(join(root, closed), 0)
      {
        // Nothing keeps root from reading a folder.
        using _user = asUser()
        await assert.rejects(who(), { reason: 'borrowers_unknown' }, closed)
      }
      chmodSync(join(root, closed), 0o755)
      assert.deepEqual(await who(), [])
    }
  })

  test('what cannot be read does not keep itself in the trash', async () => {
    await git(root, ['init', '--quiet', '--bare', 'odd.git'])
    const { id } = await remove('odd')
    const removed: string[] = []
    mkdirSync(join(root, '.sluice-trash.lock', id, 'repository/objects/info/alternates'))
    await purgeDue(services, progress.signal, (entry) => removed.push(entry.id), fail)
    assert.deepEqual(removed, [id])
  })

  test('are found where no request leads, and in the trash even if it does not know them, but not while they are purged', async () => {
    mkdirSync(join(root, '.hidden'))
    await git(root, ['clone', '--quiet', '--bare', '--shared', 'lender.git', '.hidden/fork.git'])
    assert.deepEqual(await who(), ['.hidden/fork'])
    renameSync(join(root, '.hidden/fork.git'), join(root, 'fork.git'))
    const { id } = await remove('fork')
    assert.deepEqual(await who(), ['fork'])
    const entry = join(root, '.sluice-trash.lock', id)
    cpSync(join(entry, 'repository'), join(entry, 'copy'), { recursive: true })
    rmSync(join(entry, 'repository'), { recursive: true })
    renameSync(join(entry, 'copy'), join(entry, 'repository'))
    assert.deepEqual(await who(), [`.sluice-trash.lock/${id}/repository`])
    renameSync(entry, `${entry}.gone`)
    assert.deepEqual(await who(), [])
  })

  test('a gc removes nothing that somebody needs who was made without a word to the lender', async () => {
    const lender = join(root, 'lender.git')
    const object = await git(lender, ['hash-object', '-w', '--stdin'], { input: 'needed by the fork' })
    const file = join(lender, 'objects', object.slice(0, 2), object.slice(2))
    utimesSync(file, 1_000_000_000, 1_000_000_000)
    await git(root, ['clone', '--quiet', '--bare', '--shared', 'lender.git', 'fork.git'])
    await git(join(root, 'fork.git'), ['update-ref', 'refs/tags/it', object])
    const collect = () => collectGarbage(services, { kind: 'gc', repository: 'lender' }, progress)
    await collect()
    assert.equal(await git(join(root, 'fork.git'), ['cat-file', '-p', 'it']), 'needed by the fork')
    rmSync(join(root, 'fork.git'), { recursive: true })
    await collect()
    assert.ok(!existsSync(file))
    assert.equal(await git(lender, ['count-objects']), '0 objects, 0 kilobytes')
  })

  async function remove(repository: string): Promise<{ readonly id: string }> {
    return await deleteRepository(services, { kind: 'delete', repository }, progress)
  }

  async function who(): Promise<string[]> {
    return (await borrowersOf(join(root, 'lender.git'), root, services.trash)).map(({ name }) => name)
  }
})
