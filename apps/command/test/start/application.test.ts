import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '@sluice/shared/testing/folder'

const sluice = fileURLToPath(new URL('../../bin/sluice', import.meta.url))

function runCommand(argv: readonly string[], folder: string) {
  const env = { PATH: process.env['PATH'] ?? '' }
  return spawn(sluice, [...argv], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
}

test('an application takes the place of the command, so that its signals and exit code are its own', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'sluice.yaml'), 'addresses:\n  listen: 127.0.0.1:0\n')
  const gateway = runCommand(['gateway', '--config', 'sluice.yaml'], folder.path)
  const exited = once(gateway, 'exit')
  const [line] = (await once(createInterface({ input: gateway.stdout }), 'line')) as [string]
  const { pid, msg } = JSON.parse(line) as { pid: number; msg: string }
  assert.match(msg, /^listening on 127\.0\.0\.1:/)
  assert.equal(pid, gateway.pid)
  gateway.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
})

test('an application that cannot start ends with its own code', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'sluice.yaml'), 'repositories:\n  git: no-such-git\n  root: .\n  run_folder: run\n')
  const supervisor = runCommand(['supervisor', '--config', 'sluice.yaml'], folder.path)
  const [said, [code]] = await Promise.all([text(supervisor.stderr), once(supervisor, 'exit')])
  assert.equal(code, 78)
  assert.match(said, /git is missing: no program "no-such-git"/)
})
