import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, mock, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { silentLog } from '@sluice/shared/telemetry/log'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { until } from '@sluice/shared/testing/until'
import { childrenOf } from '../../../src/process/launcher/orphans.ts'
import { isLive, readProcess } from '../../../src/process/process-table.ts'
import { Pool } from '../../../src/process/pool.ts'
import { openTestWorkers } from '../../support/workers.ts'

/** Workers that start while something is stopped (SIGSTOP): the supervisor, the launcher, the workers themselves. */

const startTimeout = 60_000

/** After so many turns of the event loop something happens: at each step of a start. */
const moments = [0, 1, 2, 3, 4, 5, 6, 8, 12]

async function turns(count: number): Promise<void> {
  for (let passed = 0; passed < count; passed++) await turn()
}

/** All timers that are due within a time are due at once, as for a process that was stopped. */
function wakeUpAfter(milliseconds: number): void {
  mock.timers.tick(milliseconds)
}

const launcherPid = () => childrenOf(process.pid).find((pid) => readProcess(pid)?.name === 'sluice-launcher')!

function isRunning(pid: number): boolean {
  const found = readProcess(pid)
  return found !== undefined && isLive(found)
}

describe('a worker that starts', () => {
  test('while the supervisor is stopped for longer than a start may take becomes ready', async () => {
    await using workers = await openTestWorkers('launcher', { startTimeout })
    for (const moment of moments) {
      mock.timers.enable({ apis: ['setTimeout'] })
      const worker = workers.start()
      try {
        await turns(moment)
        wakeUpAfter(2 * startTimeout)
      } finally {
        // The launcher may still be asked to reap the one before: timers must go on.
        mock.timers.tick(1)
        mock.timers.reset()
      }
      await worker.ready
      await worker[Symbol.asyncDispose]()
    }
  })

  test('while the launcher and all workers are stopped becomes ready when they go on', async () => {
    await using workers = await openTestWorkers('launcher', { startTimeout })
    const launcher = launcherPid()
    for (const moment of moments) {
      const worker = workers.start()
      await turns(moment)
      const stopped = [launcher, ...childrenOf(launcher)]
      for (const pid of stopped) process.kill(pid, 'SIGSTOP')
      await turns(5)
      for (const pid of stopped) process.kill(pid, 'SIGCONT')
      await worker.ready
      await worker[Symbol.asyncDispose]()
    }
  })

  test('and never connects is ended, reaped, and replaced; who waits for it is told', async () => {
    await using folder = await temporaryFolder()
    const program = join(folder.path, 'bun')
    const pids = join(folder.path, 'pids')
    const main = fileURLToPath(new URL('../../fixtures/launcher/forks-mutes.ts', import.meta.url))
    await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${main}' '${pids}'\n`, { mode: 0o755 })
    await using workers = await openTestWorkers('launcher', { programs: [program], startTimeout: 12_000 })
    await using pool = new Pool({ warm: 0, startWorker: () => workers.start() }, silentLog)
    const forked = async () =>
      (await readFile(pids, 'utf8').catch(() => '')).trim().split('\n').filter(Boolean).map(Number)
    await assert.rejects(pool.lease(), { reason: 'no_worker' })
    const [first] = await forked()
    await until('it to have ended', () => !isRunning(first!))
    await until('another one', async () => (await forked()).length > 1)
  })
})
