import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { creationRefusal } from '../../src/creation/creation-refusal.ts'
import { JobError } from '../../src/process/job/job.ts'

test('a repository that a full disk has no room for is refused as such', () => {
  const reasonOf = (cause: unknown) => creationRefusal(cause).reason
  assert.equal(reasonOf(new JobError('error: unable to write symref for HEAD: No space left on device\n')), 'disk_full')
  assert.equal(reasonOf(Object.assign(new Error('write'), { code: 'ENOSPC' })), 'disk_full')
  assert.equal(reasonOf(new JobError('fatal: cannot mkdir a.git: Permission denied\n')), 'create_failed')
  assert.equal(reasonOf(Object.assign(new Error('mkdir'), { code: 'EACCES' })), 'create_failed')
  const refusal = new Refusal('no_worker')
  assert.equal(creationRefusal(refusal), refusal)
})
