import assert from 'node:assert/strict'
import { renameSync } from 'node:fs'
import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { deleteRepository } from '../../src/administration/change/delete-repository.ts'
import { renameRepository } from '../../src/administration/change/rename-repository.ts'
import { restoreRepository } from '../../src/administration/change/trashed-repository.ts'
import { MoveNotes } from '../../src/administration/move/move-notes.ts'
import { onThisHost } from '../../src/administration/operation/held-operation.ts'
import { Turns } from '../../src/administration/operation/turns.ts'
import { Trash } from '../../src/administration/trash/trash.ts'
import { RepositoryUsers } from '../../src/repository/repository-users.ts'

const progress = { signal: new AbortController().signal, tell: () => {} }
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let root: string
let services: Parameters<typeof renameRepository>[0]

beforeEach(async () => {
  folder = await temporaryFolder()
  root = join(folder.path, 'root')
  await mkdir(root)
  await git(root, ['init', '--quiet', '--bare', 'lender.git'])
  await importHistory(join(root, 'lender.git'), 3)
  await git(root, ['init', '--quiet', '--bare', 'fork.git'])
  await appendFile(join(root, 'fork.git/objects/info/alternates'), '../../lender.git/objects\n')
  await git(join(root, 'fork.git'), ['fetch', '--quiet', '../lender.git', 'refs/heads/*:refs/heads/*'])
  services = {
    root,
    giver: undefined,
    runJob: () => assert.fail('nothing is given to another host here'),
    turns: new Turns(),
    trash: new Trash(root, undefined),
    notes: await MoveNotes.open(join(folder.path, 'notes'), silentLog),
    users: new RepositoryUsers(),
    answers: undefined,
    busyWait: 60_000,
  }
})

afterEach(() => folder[Symbol.asyncDispose]())

test('a fork in the trash is not restored while the repository that it borrows from is moved', async () => {
  const { id } = await deleteRepository(services, { kind: 'delete', repository: 'fork' }, progress)
  const use = services.users.enter(join(root, 'lender.git'))
  const { promise: isWaiting, resolve } = Promise.withResolvers<void>()
  const waiting = { ...progress, tell: () => resolve() }
  const renaming = renameRepository(
    services,
    { kind: 'rename', repository: 'lender', to: 'lends' },
    waiting,
    onThisHost,
  )
  await isWaiting
  const restore = { kind: 'restore', id, to: 'other' } as const
  await assert.rejects(restoreRepository(services, restore), { reason: 'repository_busy' })
  use[Symbol.dispose]()
  await renaming
  await restoreRepository(services, restore)
  await assertWhole('other.git')
})

test('a fork that is moved while forks are looked for is found', async () => {
  const { trash, notes } = services
  renameSync(join(root, 'fork.git'), join(root, 'z.git'))
  let isFirst = true
  // It is moved from behind the look to before it.
  trash.isGone = (gitDir) => {
    if (isFirst && gitDir === join(root, 'lender.git')) {
      isFirst = false
      renameSync(join(root, 'z.git'), join(root, 'a.git'))
      notes.moves++
    }
    return false
  }
  await renameRepository(services, { kind: 'rename', repository: 'lender', to: 'lends' }, progress, onThisHost)
  assert.ok(!isFirst)
  await assertWhole('a.git')
})

async function assertWhole(name: string): Promise<void> {
  const { code, stdout, stderr } = await tryGit(join(root, name), ['fsck', '--full'])
  assert.equal(`${code} ${stderr}${stdout}`, '0 ')
}
