import assert from 'node:assert/strict'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, tryGit } from '@sluice/shared/testing/git'
import { Lfs } from '../../src/lfs/serve-lfs.ts'
import { RepositoryUsers } from '../../src/repository/repository-users.ts'
import { ServiceSwitch } from '../../src/repository/service-switch.ts'

/** An upload that waits for its turn, and whose repository has been made by somebody else then. */

/** @param config of the repository that is made meanwhile @returns whether the object was stored */
async function uploadWhileMaking(root: string, config: string): Promise<boolean> {
  let isStored = false
  const create = async () => {
    await git(root, ['init', '--quiet', '--bare', 'late.git'])
    await appendFile(join(root, 'late.git/config'), config)
    return false
  }
  const users = new RepositoryUsers()
  const lfs = new Lfs({
    isOn: true,
    disks: { checkPush: async () => {} },
    readOnly: { isEmpty: true },
    firstPushes: {
      root,
      createOnPush: true,
      newRepositories: { visit: () => ({ create, isProvisional: false, async [Symbol.asyncDispose]() {} }) },
    },
    users,
    settings: {
      serviceSwitch: new ServiceSwitch(),
      runJob: async (args: readonly string[]) => (await tryGit(root, args)).stdout,
    },
    uploads: {
      async serve(_call: unknown, _place: unknown, enter: () => Promise<{ use: Disposable }>) {
        using _use = (await enter()).use
        isStored = true
      },
    },
  } as never)
  const exchange = { watchUnreadBody() {}, clientAddress: '127.0.0.1', incoming: { headers: {} } }
  const request = { service: 'lfs', repository: 'late', kind: 'upload', oid: '0'.repeat(64) }
  try {
    await lfs.serve({ exchange, request, record: {}, tenure: undefined } as never)
  } finally {
    assert.equal(users.count(join(root, 'late.git')), 0)
  }
  return isStored
}

test('it gets the object, unless it takes none', async () => {
  await using folder = await temporaryFolder()
  assert.ok(await uploadWhileMaking(folder.path, ''))
})

test('it gets no object while it is not decided whether it is renamed to this name', async () => {
  await using folder = await temporaryFolder()
  const mark = `[sluice]\n\tgivenFrom = ${'0'.repeat(32)} 20261126T180000Z-00000000 old\n`
  await assert.rejects(uploadWhileMaking(folder.path, mark), { reason: 'repository_moving' })
})
