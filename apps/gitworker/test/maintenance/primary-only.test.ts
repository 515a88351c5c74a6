import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { Registry } from 'prom-client'
import type { Placement } from '../../src/cluster/placement/placement.ts'
import { Maintenance } from '../../src/maintenance/maintenance.ts'
import type { MaintenanceServices } from '../../src/maintenance/maintenance.ts'
import type { RunLongJob } from '../../src/process/job/long-job.ts'
import { openMaintenance } from '../../src/start/parts/own-work/maintenance.ts'
import type { MaintenanceParts } from '../../src/start/parts/own-work/maintenance.ts'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import { recordLog } from '../support/recorded-log.ts'

/** In a cluster, a repository is kept in shape by its primary alone. */

const execute = promisify(execFile)
const runJob = async (args: readonly string[], { okCodes = [0] }: { okCodes?: readonly number[] } = {}) => {
  try {
    return (await execute('git', [...args])).stdout
  } catch (error) {
    if (okCodes.includes((error as { code: number }).code)) return ''
    throw error
  }
}

/** A repository that needs maintenance: all of its many references are loose. It is looked at some seconds after a push. */
async function needyRepository(folder: string): Promise<string> {
  const gitDir = join(folder, 'team-a.git')
  await git(folder, ['init', '--quiet', '--bare', gitDir])
  const tree = await git(gitDir, ['mktree'], { input: '' })
  const id = await git(gitDir, ['commit-tree', '-m', 'first', tree])
  const updates = Array.from({ length: 200 }, (_, index) => `create refs/heads/b${index} ${id}\n`).join('')
  await git(gitDir, ['update-ref', '--stdin'], { input: updates })
  return gitDir
}

describe('maintenance in a cluster', { concurrency: true }, () => {
  test('a host that is not the primary does nothing to a repository, and does not come back to it by itself', async () => {
    await using folder = await temporaryFolder()
    const gitDir = await needyRepository(folder.path)
    const asked: string[] = []
    const { lines, log } = recordLog()
    const registry = new Registry()
    const untouched = () => assert.fail('It must not be touched.')
    await using maintenance = openMaintenance({
      config: { maintenance: true, maintenanceSlots: 1, cluster: 'etcd', storage: 'shared' },
      storage: { root: folder.path, runtimeDirectory: {} },
      workers: { pool: {}, git: { jobNiceness: 0 }, gitVersion: 'git version 2.50.0', runJob, spawnLog: {} },
      exclusive: { enter: untouched },
      running: { isLeaving: false },
      placement: { hold: (repository: string) => void asked.push(repository) } as Partial<Placement>,
      registry,
      log,
    } as unknown as MaintenanceParts)
    maintenance!.touch(gitDir, true)
    await until('it to be asked whether it is the primary', () => asked.length > 0)
    assert.deepEqual(asked, ['team-a.git'])
    await until('it to be over', () => Object.values(maintenance!.counts).every((count) => count === 0))
    assert.deepEqual(
      lines.filter(({ level }) => Number(level) >= 40),
      [],
    )
    assert.doesNotMatch(await registry.metrics(), /result="failed"\} [1-9]/)
  })

  test('what runs ends when the slot is handed over, and is no failure', async () => {
    await using folder = await temporaryFolder()
    const gitDir = await needyRepository(folder.path)
    const { lines, log } = recordLog()
    const ends: (() => void)[] = []
    let isHeld = false
    let runs = 0
    const runLongJob: RunLongJob = async (_args, options) => {
      runs++
      options.signal?.throwIfAborted()
      const { promise, reject } = Promise.withResolvers<never>()
      options.signal?.addEventListener('abort', () => reject(options.signal?.reason as Error))
      return await promise
    }
    const services = {
      root: folder.path,
      runJob,
      runLongJob,
      slots: 1,
      grace: undefined,
      cruftPacks: true,
      isLent: async () => false,
      readPressure: () => ({ short: undefined }),
      isShared: true,
      isLeaving: () => false,
      enter: (_gitDir: string, onClosing: () => void) => {
        ends.push(onClosing)
        isHeld = true
        return { [Symbol.dispose]: () => void (isHeld = false) }
      },
      onRun: () => assert.fail('It has not run.'),
    } as unknown as MaintenanceServices
    await using maintenance = new Maintenance(services, log)
    maintenance.touch(gitDir, true)
    await until('it to run', () => runs > 0)
    assert.ok(isHeld)
    ends[0]!()
    await until('its end', () => !isHeld && maintenance.counts.running === 0)
    assert.deepEqual(
      lines.filter(({ level }) => Number(level) >= 40),
      [],
    )
  })
})
