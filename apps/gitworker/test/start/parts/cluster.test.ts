import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Registry } from 'prom-client'
import { silentLog } from '@sluice/shared/telemetry/log'
import { readSupervisorConfig } from '../../../src/config/config.ts'
import { openCluster } from '../../../src/start/parts/cluster.ts'

const env = { SLUICE_SUPERVISOR: '127.0.0.1:9000', SLUICE_ETCD: 'http://127.0.0.1:1' }

test('more copies in sync than there are to be are refused before etcd is asked, and count for nothing on a single host', async () => {
  const alone = readSupervisorConfig({ SLUICE_MIN_IN_SYNC: '3' })
  assert.equal(await openCluster(alone, new Registry(), silentLog), undefined)
  const wrong = [
    [{ SLUICE_MIN_IN_SYNC: '3' }, /SLUICE_MIN_IN_SYNC=3 is more than SLUICE_COPIES=2/],
    [{ SLUICE_MIN_IN_SYNC: '2', SLUICE_STORAGE: 'shared' }, /SLUICE_MIN_IN_SYNC=2 is for SLUICE_STORAGE=own/],
  ] as const
  for (const [settings, problem] of wrong) {
    const config = readSupervisorConfig({ ...env, SLUICE_CLUSTER: 'etcd', ...settings })
    await assert.rejects(openCluster(config, new Registry(), silentLog), { name: 'ConfigError', message: problem })
  }
  for (const value of ['0', '17', '1.5', 'two']) {
    assert.throws(() => readSupervisorConfig({ SLUICE_COPIES: value }), /SLUICE_COPIES/)
  }
})
