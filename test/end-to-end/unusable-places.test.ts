import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { compileCache } from '@sluice/shared/testing/compile-cache'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { patienceMs, patiently } from '@sluice/shared/testing/patience'

const main = fileURLToPath(new URL('../../apps/gitworker/src/main.ts', import.meta.url))

/**
 * Below /proc, the system denies folders that exist; below a device, nothing can be created; a file is not a folder.
 */
const places: readonly (readonly [setting: string, place: string])[] = [
  ...['/proc/x', '/proc/x/y', '/dev/null/x'].flatMap((place) =>
    ['SLUICE_RUN_FOLDER', 'SLUICE_SPOOL_FOLDER', 'SLUICE_ROOT'].map((setting) => [setting, place] as const),
  ),
  ['SLUICE_ROOT', 'FOLDER/file'],
  ['SLUICE_RUN_FOLDER', 'FOLDER/file/x'],
  ['SLUICE_SUPERVISOR', 'unix:/proc/x/sluice.sock'],
  ['SLUICE_SUPERVISOR', 'unix:/dev/null'],
  ['SLUICE_SUPERVISOR_OPERATIONS', 'unix:/proc/x/sluice.sock'],
]

test('a folder that cannot be used ends the start in words that name the setting', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'file'), '', { mode: 0o755 })
  for (const [setting, place] of places) {
    const { code, stderr } = await start({
      PATH: process.env['PATH'] ?? '',
      ...compileCache,
      SLUICE_ROOT: folder.path,
      SLUICE_RUN_FOLDER: join(folder.path, 'run'),
      SLUICE_SUPERVISOR: `unix:${join(folder.path, 'supervisor.sock')}`,
      [setting]: place.replace('FOLDER', folder.path),
    })
    assert.notEqual(code, 0, `${setting}=${place}`)
    assert.notEqual(code, null, `${setting}=${place} did not end by itself`)
    assert.match(stderr, new RegExp(`${setting}\\b.*(/proc|/dev|/file)`), `${setting}=${place}`)
  }
})

test('a start that hangs ends with the second signal', async () => {
  await using folder = await temporaryFolder()
  const silentGit = join(folder.path, 'git')
  await writeFile(silentGit, '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 })
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env['PATH'] ?? '',
      ...compileCache,
      SLUICE_ROOT: folder.path,
      SLUICE_RUN_FOLDER: join(folder.path, 'run'),
      SLUICE_SUPERVISOR: `unix:${join(folder.path, 'supervisor.sock')}`,
      SLUICE_GIT: silentGit,
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  try {
    const exited = once(child, 'exit')
    // After the line about the sizes, it asks git for its version.
    await patiently('a first line', once(child.stdout, 'data'))
    child.kill('SIGTERM')
    // Two signals within 100 ms count as one, and a process that stands still hears both at once.
    using _again = setInterval(() => child.kill('SIGTERM'), 500)
    const [code] = (await patiently('the end', exited)) as [number | null]
    assert.equal(code, 1)
  } finally {
    child.kill('SIGKILL')
  }
})

function start(env: Record<string, string>): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve) => {
    const options = { env, timeout: patienceMs, killSignal: 'SIGKILL' } as const
    const child = execFile(process.execPath, [main], options, (_error, _stdout, stderr) => {
      resolve({ code: child.exitCode, stderr })
    })
  })
}
