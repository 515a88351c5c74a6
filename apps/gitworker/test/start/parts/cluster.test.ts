import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Registry } from 'prom-client'
import { silentLog } from '@sluice/shared/telemetry/log'
import { readSupervisorConfig } from '../../../src/config/config.ts'
import { openCluster } from '../../../src/start/parts/cluster.ts'

test('copies on other disks are refused before etcd is asked, and count for nothing on a single host', async () => {
  const env = { SLUICE_SUPERVISOR: '127.0.0.1:9000', SLUICE_COPIES: '2' }
  assert.equal(await openCluster(readSupervisorConfig(env), new Registry(), silentLog), undefined)
  const own = readSupervisorConfig({ ...env, SLUICE_CLUSTER: 'etcd', SLUICE_ETCD: 'http://127.0.0.1:1' })
  await assert.rejects(openCluster(own, new Registry(), silentLog), {
    name: 'ConfigError',
    problems: [
      'SLUICE_COPIES=2: with SLUICE_STORAGE=own, each repository is on the disk of one host only. Set SLUICE_COPIES=1, or use one folder for all hosts with SLUICE_STORAGE=shared.',
    ],
  })
  for (const wrong of ['0', '17', '1.5', 'two']) {
    assert.throws(() => readSupervisorConfig({ SLUICE_COPIES: wrong }), /SLUICE_COPIES/)
  }
})
