import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../../src/config/config-error.ts'
import { warnOfFormerNames } from '../../src/config/former-names.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { settings } from '../../src/config/settings.ts'
import type { Setting } from '../../src/config/setting/setting.ts'

const renamed = Object.entries<Setting<unknown>>(settings).filter(([, { formerly }]) => formerly !== undefined)

function warningsFor(env: Record<string, string>): string[] {
  const warnings: string[] = []
  warnOfFormerNames(settings, env, undefined, { warn: (message) => warnings.push(message) })
  return warnings
}

test('an old name works, with one warning that names the new one', () => {
  const env = { SLUICE_SOURCE_REQUESTS: '7' }
  assert.equal(readConfig(settings, env).clientRequests, 7)
  const warnings = warningsFor(env)
  assert.equal(warnings.length, 1)
  assert.match(warnings[0]!, /SLUICE_SOURCE_REQUESTS is now called SLUICE_CLIENT_REQUESTS/)
})

test('an old value works, with one warning that names the new one', () => {
  const env = { SLUICE_WORKER_RUNTIME: 'bun' }
  assert.equal(readConfig(settings, env).workerRuntime, 'launcher')
  const warnings = warningsFor(env)
  assert.equal(warnings.length, 1)
  assert.match(warnings[0]!, /SLUICE_WORKER_RUNTIME=bun is now called SLUICE_WORKER_RUNTIME=launcher/)
  assert.deepEqual(warningsFor({ SLUICE_WORKER_RUNTIME: 'launcher' }), [])
})

test('the new name works without a warning, whatever is empty', () => {
  const env = { SLUICE_CLIENT_REQUESTS: '8', SLUICE_SOURCE_REQUESTS: '', SLUICE_CLIENT_QUEUE: '' }
  assert.equal(readConfig(settings, env).clientRequests, 8)
  assert.equal(readConfig(settings, env).clientQueue, 256)
  assert.deepEqual(warningsFor(env), [])
})

test('both names may say the same, and may not say different things', () => {
  const same = { SLUICE_CLIENT_QUEUE: '9', SLUICE_SOURCE_QUEUE: '9' }
  assert.equal(readConfig(settings, same).clientQueue, 9)
  assert.equal(warningsFor(same).length, 1)
  assert.throws(
    () => readConfig(settings, { ...same, SLUICE_SOURCE_QUEUE: '10' }),
    (error) =>
      error instanceof ConfigError && /SLUICE_CLIENT_QUEUE and SLUICE_SOURCE_QUEUE are/.test(error.problems.join()),
  )
})

test('no two settings go by one name', () => {
  assert.ok(renamed.length > 0)
  const names = Object.values<Setting<unknown>>(settings).flatMap(({ name, formerly }) =>
    formerly ? [name, formerly] : [name],
  )
  assert.equal(new Set(names).size, names.length)
})
