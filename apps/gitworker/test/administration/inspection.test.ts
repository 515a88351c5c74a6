import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { Inspection } from '../../src/administration/inspection.ts'
import type { InspectionServices } from '../../src/administration/inspection.ts'

test('a repository that this host does not have is missing, and another host that keeps it is named', async () => {
  await using root = await temporaryFolder()
  const otherKeeperOf = (name: string) => (name === 'theirs' ? 'two' : undefined)
  const inspection = new Inspection({ root: root.path, otherKeeperOf } as InspectionServices)
  const refusalOf = async (name: string) => {
    const error: unknown = await inspection.show(name).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof Refusal)
    assert.equal(error.reason, 'repository_missing')
    return error.sentence
  }
  assert.equal(await refusalOf('ours'), 'There is no repository "ours".')
  assert.match(
    await refusalOf('theirs'),
    /This host has no repository "theirs"\. The host two keeps it, if there is one/,
  )
  await assert.rejects(inspection.size('theirs'), { sentence: await refusalOf('theirs') })
})
