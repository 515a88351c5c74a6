import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git } from '@sluice/shared/testing/git'
import { until } from '@sluice/shared/testing/until'
import { Maintenance } from '../../src/maintenance/maintenance.ts'
import type { MaintenanceServices } from '../../src/maintenance/maintenance.ts'

test('begins nothing while the host is about to stop', async (t) => {
  await using folder = await temporaryFolder()
  const gitDir = join(folder.path, 'a.git')
  await git(folder.path, ['init', '--quiet', '--bare', gitDir])
  // Only their names and sizes are looked at before git is run.
  for (let n = 0; n < 13; n++)
    for (const ending of ['pack', 'idx']) writeFileSync(join(gitDir, `objects/pack/pack-${n}.${ending}`), '')
  t.mock.timers.enable({ apis: ['setInterval'] })
  let isLeaving = true
  let commands = 0
  await using maintenance = new Maintenance(
    servicesFor(
      folder.path,
      () => isLeaving,
      () => commands++,
    ),
    silentLog,
  )
  touchEarlier(t, maintenance, gitDir)
  await until('it waits', () => {
    t.mock.timers.tick(1000)
    return maintenance.counts.waiting === 1 || commands > 0
  })
  t.mock.timers.tick(1000)
  assert.equal(commands, 0)
  isLeaving = false
  await until('it runs', () => {
    t.mock.timers.tick(1000)
    return commands > 0
  })
})

/** So long ago that its time for a look has come. */
function touchEarlier(t: TestContext, maintenance: Maintenance, gitDir: string): void {
  const then = performance.now() - 60_000
  const { mock } = t.mock.method(performance, 'now', () => then)
  maintenance.touch(gitDir, true)
  mock.restore()
}

function servicesFor(root: string, isLeaving: () => boolean, onCommand: () => void): MaintenanceServices {
  return {
    root,
    runJob: () => assert.fail('the configuration says nothing'),
    runLongJob: async () => {
      onCommand()
      return { code: 0, output: '' }
    },
    slots: 1,
    grace: undefined,
    cruftPacks: true,
    isLent: async () => false,
    readPressure: () => ({ short: false }),
    isLeaving,
    isShared: false,
    enter: () => ({ [Symbol.dispose]() {} }),
    bundles: undefined,
    onRun: () => {},
  }
}
