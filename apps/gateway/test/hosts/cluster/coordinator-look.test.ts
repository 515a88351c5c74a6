import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '@sluice/shared/telemetry/log'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import { InProcessCoordinator } from '@sluice/shared/coordinator/in-process/in-process-coordinator'
import { until } from '@sluice/shared/testing/until'
import { CoordinatorLook } from '../../../src/hosts/cluster/coordinator-look.ts'
import { keys } from './played-cluster.ts'

test('a look that is never answered does not hold up the end', async () => {
  const never = { read: () => new Promise(() => {}) } as unknown as Coordinator
  const look = new CoordinatorLook(never, keys, silentLog)
  await look[Symbol.asyncDispose]()
  assert.equal(look.format, undefined)
})

test('a format that this version cannot work with is said, until it is another one', async () => {
  await using coordinator = new InProcessCoordinator()
  const format = { version: 1, slots: 4096, storage: 'shared', copies: 1 }
  const put = (value: unknown) =>
    coordinator.swap([{ key: keys.format, expected: undefined, value: JSON.stringify(value) }])
  await put({ ...format, version: 2 })
  await using look = new CoordinatorLook(coordinator, keys, silentLog)
  await until('the problem', () => /\/sluice\/format in etcd has a format .*"version":2/.test(look.formatProblem ?? ''))
  await put(format)
  await until('the format', () => look.format?.storage === 'shared' && look.formatProblem === undefined)
  assert.equal(look.formatIsMissing, undefined)
  await coordinator.swap([{ key: keys.format, expected: undefined, value: undefined }])
  await until('it to be missed', () =>
    /\/sluice\/format in etcd is missing.*etcdctl put/.test(look.formatIsMissing ?? ''),
  )
  assert.deepEqual([look.format, look.formatProblem], [format, undefined])
})
