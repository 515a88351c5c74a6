import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, tryGit } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import { Gifts } from '../../src/copies/giving/gifts.ts'
import { UndecidedGifts } from '../../src/copies/giving/undecided-gifts.ts'
import type { UndecidedServices } from '../../src/copies/giving/undecided-gifts.ts'
import { withGivenMark } from '../../src/repository/given-mark.ts'
import { operationHolds } from '../../src/start/administration/operation-holds.ts'

/** A renamed repository whose host does not know whether its old name is gone: it finds out, whatever comes in between. */

const mark = { repository: 'old', gift: '0'.repeat(32), trash: '20261126T180000Z-00000000' }

/** A host that keeps both names, and on which `new` has a mark. The old name is gone. */
async function hostWithMark(root: string, hold: (repository: string) => void) {
  await git(root, ['init', '--quiet', '--bare', 'new.git'])
  const config = join(root, 'new.git/config')
  await writeFile(config, withGivenMark(await readFile(config, 'latin1'), mark), 'latin1')
  const services = {
    root,
    view: { name: 'one', slot: () => ({ primary: 'one', term: 7 }) },
    gifts: new Gifts(),
    isInTrash: () => true,
    hold: (repository: string) => {
      hold(repository)
      return { confirm: async () => {}, [Symbol.dispose]() {} }
    },
    copies: { confirm: async () => {} },
    take: () => ({ [Symbol.dispose]() {} }),
    runJob: async (args: readonly string[]) => (await tryGit(root, args)).stdout,
    ending: new AbortController().signal,
    log: silentLog,
  } as unknown as UndecidedServices
  return {
    undecided: new UndecidedGifts(services),
    isMarked: async () => /givenFrom/.test(await readFile(config, 'utf8')),
  }
}

for (const closed of ['old', 'new'] as const) {
  test(`it goes on asking while the ${closed} name is to be handed over, which comes to nothing`, async () => {
    await using folder = await temporaryFolder()
    let isClosed = true
    let asked = 0
    const { undecided, isMarked } = await hostWithMark(folder.path, (repository) => {
      if (repository !== closed || !isClosed) return
      asked++
      throw new Refusal('misplaced')
    })
    await using _ending = undecided
    undecided.look('new')
    await until('it to have asked', () => asked > 1)
    assert.ok(await isMarked())
    isClosed = false
    await until('it to take pushes', async () => !(await isMarked()))
  })
}

test('it is looked at under the name that an operator gives it, or restores it to', async () => {
  const looked: string[] = []
  const tenure = { confirm: async () => {}, [Symbol.dispose]() {} }
  const services = {
    placement: { primaryOf: () => 'one', holdForOperator: () => tenure },
    copies: undefined,
    otherTrashes: { forget: async () => {} },
    lookAt: (repository: string) => void looked.push(repository),
    trash: { find: () => ({ repository: 'deleted' }) },
    isShared: false,
  } as unknown as Parameters<typeof operationHolds>[0]
  const hold = operationHolds(services)
  const operations = [
    { kind: 'rename', repository: 'new', to: 'newer.git' },
    { kind: 'restore', id: 'x', to: undefined },
    { kind: 'restore', id: 'x', to: 'restored.git' },
    { kind: 'head', repository: 'other', branch: 'main' },
  ] as const
  for (const operation of operations) {
    using held = hold(operation)
    await held.done()
  }
  assert.deepEqual(looked, ['newer', 'deleted', 'restored'])
})
