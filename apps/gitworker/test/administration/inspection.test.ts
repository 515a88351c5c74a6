import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { Inspection } from '../../src/administration/inspection.ts'
import type { InspectionServices } from '../../src/administration/inspection.ts'
import type { Keepers } from '../../src/administration/look/cluster-look.ts'

test('a repository that this host does not have is missing, and another host that keeps it is named', async () => {
  await using root = await temporaryFolder()
  const keepers = { slot: 7, state: 'kept', here: 'one', next: null, term: 9, isShared: false } as const
  const copy = (host: string) => ({ host, isLive: true, isInSync: true })
  const keepersOf = (name: string): Keepers => {
    return name === 'theirs'
      ? { ...keepers, primary: 'two', copies: [copy('two'), copy('three')] }
      : { ...keepers, primary: 'one', copies: [copy('one'), copy('two')] }
  }
  const cluster = { keepersOf }
  const inspection = new Inspection({ root: root.path, cluster } as unknown as InspectionServices)
  const refusalOf = async (name: string) => {
    const error: unknown = await inspection.show(name).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof Refusal)
    assert.equal(error.reason, 'repository_missing')
    return error.sentence
  }
  assert.equal(await refusalOf('ours'), 'There is no repository "ours".')
  assert.match(
    await refusalOf('theirs'),
    /This host has no repository "theirs"\. The hosts two \(its primary\) and three keep it, if there is one/,
  )
  await assert.rejects(inspection.size('theirs'), { sentence: await refusalOf('theirs') })
})
