import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { ConfigError } from '@sluice/shared/config'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { identityOf } from '../src/process-table.ts'
import { openRunFolder } from '../src/supervisor/run-folder.ts'

const silent = pino({ level: 'silent' })
const open = (path: string) => openRunFolder(path, 300, silent)

function startSleeper(env: Record<string, string> = {}): ChildProcess & { pid: number } {
  const child = spawn('/bin/sleep', ['1000'], { detached: true, stdio: 'ignore', env })
  return child as ChildProcess & { pid: number }
}

const note = (folder: string, pid: number, content: object) =>
  writeFile(join(folder, 'requests', String(pid)), JSON.stringify(content))

test('a folder is one supervisor’s at a time, and free again after it', async () => {
  await using folder = await temporaryFolder()
  const other = startSleeper()
  await mkdir(join(folder.path, 'run'))
  await writeFile(join(folder.path, 'run/supervisor'), identityOf(other.pid)!)
  await assert.rejects(
    open(join(folder.path, 'run')),
    (error) => error instanceof ConfigError && /is using/.test(error.message),
  )
  const ended = once(other, 'exit')
  other.kill('SIGKILL')
  await ended
  await using opened = await open(join(folder.path, 'run'))
  assert.deepEqual(await readdir(opened.home), [])
})

test('a folder that cannot be made is a configuration error', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'file'), '')
  await assert.rejects(
    open(join(folder.path, 'file/run')),
    (error) => error instanceof ConfigError && /SLUICE_RUN_FOLDER/.test(error.message),
  )
})

test('a request is noted while its worker serves', async () => {
  await using folder = await temporaryFolder()
  await using opened = await open(folder.path)
  {
    using _ = opened.note(process.pid, '/some/repository.git')
    assert.deepEqual(await readdir(join(folder.path, 'requests')), [String(process.pid)])
  }
  assert.deepEqual(await readdir(join(folder.path, 'requests')), [])
})

test('a worker of an earlier supervisor is ended, one whose pid has become a stranger’s is not', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'requests'))
  const worker = startSleeper()
  const stranger = startSleeper()
  await note(folder.path, worker.pid, { worker: identityOf(worker.pid) })
  await note(folder.path, stranger.pid, { worker: `${stranger.pid} 1 another-start` })
  const ended = once(worker, 'exit')
  await using opened = await open(folder.path)
  assert.deepEqual(await ended, [null, 'SIGTERM'])
  assert.ok(identityOf(stranger.pid))
  assert.deepEqual(await readdir(join(opened.path, 'requests')), [])
  const gone = once(stranger, 'exit')
  stranger.kill('SIGKILL')
  await gone
})

test('old quarantines are removed, new ones and those in use are not, and nothing else is', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'requests'))
  const gitDir = join(folder.path, 'repository.git')
  const objects = join(gitDir, 'objects')
  const names = [
    'tmp_objdir-incoming-old',
    'tmp_objdir-incoming-new',
    'tmp_objdir-incoming-used',
    'incoming-not.one',
    'ab',
  ]
  for (const name of names) {
    await mkdir(join(objects, name), { recursive: true })
    if (!name.endsWith('new')) await utimes(join(objects, name), 1_000_000, 1_000_000)
    else await utimes(join(objects, name), 4_000_000_000, 4_000_000_000)
  }
  const user = startSleeper({ GIT_QUARANTINE_PATH: join(objects, 'tmp_objdir-incoming-used') })
  await note(folder.path, 999_999_999, { worker: 'long gone', gitDir })
  await using _opened = await open(folder.path)
  assert.deepEqual((await readdir(objects)).toSorted(), [
    'ab',
    'incoming-not.one',
    'tmp_objdir-incoming-new',
    'tmp_objdir-incoming-used',
  ])
  const gone = once(user, 'exit')
  user.kill('SIGKILL')
  await gone
})

test('a note that was cut short does not stop the start', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'requests'))
  await writeFile(join(folder.path, 'requests/12'), '{"worker":')
  await using _opened = await open(folder.path)
  assert.deepEqual(await readdir(join(folder.path, 'requests')), [])
})
