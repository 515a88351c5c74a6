import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { ConfigError } from '@sluice/shared/config/config-error'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { until } from '@sluice/shared/testing/until'
import { identityOf, readProcess } from '../../../src/process/process-table.ts'
import { readNote } from '../../../src/process/request-note.ts'
import { openRuntimeDirectory } from '../../../src/start/parts/runtime-directory.ts'
import { untilClockTicks } from '../../support/clock-tick.ts'
import { startOther } from '../../support/other-process.ts'

const silent = pino({ level: 'silent' })
const open = (path: string, isShared = false) => openRuntimeDirectory(path, { killGrace: 300, isShared }, silent)

function startSleeper(): ChildProcess & { pid: number } {
  const child = spawn('/bin/sleep', ['1000'], { detached: true, stdio: 'ignore' })
  return child as ChildProcess & { pid: number }
}

const note = (folder: string, pid: number, content: object) =>
  writeFile(join(folder, 'requests', String(pid)), JSON.stringify(content))

test('a folder belongs to one supervisor at a time, and is free again after it', async () => {
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
  assert.deepEqual(await readdir(opened.empty), [])
})

test('a folder is free when its supervisor has been killed, though nobody has reaped it', async () => {
  await using folder = await temporaryFolder()
  // The program that takes the place of the shell reaps nothing.
  const careless = spawn('/bin/sh', ['-c', 'sleep 1000 & echo $!; exec sleep 1000'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = once(careless, 'exit')
  try {
    const [line] = (await once(careless.stdout, 'data')) as [Buffer]
    const pid = Number(line.toString())
    await mkdir(join(folder.path, 'run'))
    await writeFile(join(folder.path, 'run/supervisor'), identityOf(pid)!)
    process.kill(pid, 'SIGKILL')
    await until('it to be a zombie', () => readProcess(pid)?.state === 'Z')
    await using opened = await open(join(folder.path, 'run'))
    assert.deepEqual(await readdir(opened.empty), [])
  } finally {
    careless.kill('SIGKILL')
    await ended
  }
})

test('a folder that cannot be created is a configuration error', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'file'), '')
  await assert.rejects(
    open(join(folder.path, 'file/run')),
    (error) => error instanceof ConfigError && /SLUICE_RUN_FOLDER/.test(error.message),
  )
})

test('a request has a note while its worker serves', async () => {
  await using folder = await temporaryFolder()
  await using opened = await open(folder.path)
  {
    using _ = opened.note({ leader: process.pid, word: 'a word', since: 0 }, '/some/repository.git')
    assert.deepEqual(await readdir(join(folder.path, 'requests')), [`${process.pid}.a word`])
  }
  assert.deepEqual(await readdir(join(folder.path, 'requests')), [])
})

test('the note of a push that is being cleaned up is not replaced by a worker with the same pid', async () => {
  await using folder = await temporaryFolder()
  await using opened = await open(folder.path)
  const first = opened.note({ leader: process.pid, word: 'first', since: 0 }, '/first.git')
  using second = opened.note({ leader: process.pid, word: 'second', since: 1 }, '/second.git')
  assert.equal(readNote(first.file!).gitDir, '/first.git')
  first[Symbol.dispose]()
  assert.equal(readNote(second.file!).gitDir, '/second.git')
})

test('a worker of an earlier supervisor is ended; a process that has its pid by now is not', async () => {
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

async function repositoryWithRemains(path: string): Promise<string> {
  const gitDir = join(path, 'repository.git')
  for (const name of [
    'objects/tmp_objdir-incoming-old',
    'objects/tmp_objdir-incoming-new',
    'objects/incoming-not.one',
    'objects/ab',
  ]) {
    await mkdir(join(gitDir, name), { recursive: true })
  }
  await mkdir(join(gitDir, 'refs/heads/a'), { recursive: true })
  for (const name of ['refs/heads/a/main.lock', 'packed-refs.lock', 'new.lock']) await writeFile(join(gitDir, name), '')
  for (const name of [
    'objects/tmp_objdir-incoming-old',
    'objects/incoming-not.one',
    'objects/ab',
    'refs/heads/a/main.lock',
    'packed-refs.lock',
  ]) {
    await utimes(join(gitDir, name), 1_000_000, 1_000_000)
  }
  for (const name of ['objects/tmp_objdir-incoming-new', 'new.lock']) {
    await utimes(join(gitDir, name), 4_000_000_000, 4_000_000_000)
  }
  return gitDir
}

test('files older than the machine’s start are removed if a push was noted; newer and other files stay', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'requests'))
  const gitDir = await repositoryWithRemains(folder.path)
  await note(folder.path, 999_999_999, { worker: 'long gone', gitDir })
  await using _opened = await open(folder.path)
  assert.deepEqual((await readdir(gitDir, { recursive: true })).toSorted(), [
    'new.lock',
    'objects',
    'objects/ab',
    'objects/incoming-not.one',
    'objects/tmp_objdir-incoming-new',
    'refs',
    'refs/heads',
    'refs/heads/a',
  ])
})

test('a note that was cut short does not prevent the start', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'requests'))
  await writeFile(join(folder.path, 'requests/12'), '{"worker":')
  await using _opened = await open(folder.path)
  assert.deepEqual(await readdir(join(folder.path, 'requests')), [])
})

/** A note with the trace of a git that starts index-pack. */
const pushNote = (gitDir: string, quarantine: string, receivePack = 999_999_999) =>
  `${JSON.stringify({ worker: 'long gone', gitDir })}\n` +
  `12:00:00.000000 git.c:460               trace: built-in: git receive-pack --stateless-rpc -- ${gitDir}\n` +
  `12:00:00.000000 run-command.c:655       trace: run_command: GIT_QUARANTINE_PATH=${quarantine} git index-pack ` +
  `--stdin '--keep=receive-pack ${receivePack} on here'\n`

async function repositoryWithQuarantine(path: string): Promise<{ gitDir: string; quarantine: string }> {
  const gitDir = join(path, 'repository.git')
  const quarantine = join(gitDir, 'objects/tmp_objdir-incoming-abc123')
  await mkdir(join(quarantine, 'pack'), { recursive: true })
  await mkdir(join(gitDir, 'objects/pack'))
  return { gitDir, quarantine }
}

test('files that a push has named are removed at the next start, even if others work there; others’ files stay', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'requests'))
  const { gitDir, quarantine } = await repositoryWithQuarantine(folder.path)
  const others = ['objects/tmp_objdir-incoming-others', 'objects/pack/pack-other.keep', 'main.lock', 'packed-refs.lock']
  await mkdir(join(gitDir, others[0]!))
  await writeFile(join(gitDir, others[1]!), 'receive-pack 4711 on here\n')
  for (const lock of others.slice(2)) await writeFile(join(gitDir, lock), '')
  await writeFile(join(gitDir, 'objects/pack/pack-own.keep'), 'receive-pack 999999999 on here\n')
  await writeFile(join(gitDir, 'packed-refs.new'), '')
  await using _operator = await startOther({ cwd: gitDir })
  await writeFile(join(folder.path, 'requests/999999999'), pushNote(gitDir, quarantine))
  await using _opened = await open(folder.path)
  const left = (await readdir(gitDir, { recursive: true })).toSorted()
  // A process that holds packed-refs.lock may own packed-refs.new.
  assert.deepEqual(left, ['objects', 'objects/pack', 'packed-refs.new', ...others].toSorted())
})

test('files that are still in use are postponed, also over restarts, and removed when they are free', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'requests'))
  const { gitDir, quarantine } = await repositoryWithQuarantine(folder.path)
  await using user = await startOther({ env: { GIT_QUARANTINE_PATH: quarantine } })
  await writeFile(join(folder.path, 'requests/999999999'), pushNote(gitDir, quarantine))
  for (let start = 0; start < 2; start++) {
    await using opened = await open(folder.path)
    assert.deepEqual(await opened.sweeper.tryAgain(gitDir), [])
    assert.equal((await readdir(join(folder.path, 'owed'))).length, 1)
    assert.deepEqual(await readdir(join(folder.path, 'requests')), [])
  }
  await using opened = await open(folder.path)
  await user.end()
  assert.deepEqual(await opened.sweeper.tryAgain(), [quarantine])
  assert.deepEqual(await readdir(join(folder.path, 'owed')), [])
  await mkdir(quarantine)
  assert.deepEqual(await opened.sweeper.tryAgain(), [], 'nothing is owed any more')
})

test('if one repository cannot be read, the start goes on, others are cleaned up, and its note is kept', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'requests'))
  await mkdir(join(folder.path, 'owed'))
  const { gitDir, quarantine } = await repositoryWithQuarantine(folder.path)
  const unreadable = pushNote('/no\0path', '/no/objects/incoming-abc123')
  await writeFile(join(folder.path, 'owed/1'), unreadable)
  await writeFile(join(folder.path, 'owed/2'), pushNote(gitDir, quarantine))
  await writeFile(join(folder.path, 'requests/999999999'), unreadable)
  await using _opened = await open(folder.path)
  assert.deepEqual(await readdir(join(gitDir, 'objects')), ['pack'])
  assert.equal((await readdir(join(folder.path, 'owed'))).length, 2)
  assert.deepEqual(await readdir(join(folder.path, 'requests')), [])
})

test('a quarantine that a push has named in another repository is left alone', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'requests'))
  const { gitDir } = await repositoryWithQuarantine(folder.path)
  const other = await repositoryWithQuarantine(join(folder.path, 'other'))
  await writeFile(join(folder.path, 'requests/999999999'), pushNote(gitDir, other.quarantine))
  await using _opened = await open(folder.path)
  assert.deepEqual(await readdir(other.quarantine), ['pack'])
  assert.deepEqual(await readdir(join(gitDir, 'objects')), ['pack', 'tmp_objdir-incoming-abc123'])
})

test('hooks cannot let a note grow without bound, and its first lines stay', async () => {
  await using folder = await temporaryFolder()
  await using opened = await open(folder.path)
  using noted = opened.note({ leader: process.pid, word: 'a-word', since: 0 }, '/some/repository.git')
  const words = pushNote('/some/repository.git', '/q/tmp_objdir-incoming-abc123').split('\n').slice(1).join('\n')
  await appendFile(noted.file!, words)
  await appendFile(noted.file!, 'x'.repeat(1_000_000))
  await until('the note to be trimmed', async () => (await stat(noted.file!)).size <= 65_536)
  assert.equal(readNote(noted.file!).words?.quarantine, '/q/tmp_objdir-incoming-abc123')
})

test('in a folder that other hosts use, too, only what a note names is removed', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'requests'))
  const gitDir = await repositoryWithRemains(folder.path)
  const quarantine = join(gitDir, 'objects/tmp_objdir-incoming-abc123')
  const before = (await readdir(gitDir, { recursive: true })).toSorted()
  await mkdir(join(quarantine, 'pack'), { recursive: true })
  await writeFile(join(folder.path, 'requests/999999999'), pushNote(gitDir, quarantine))
  await using _opened = await open(folder.path, true)
  assert.deepEqual((await readdir(gitDir, { recursive: true })).toSorted(), before)
})

test('files that are younger than a killed repack or fetch are this host’s only where it is alone', async () => {
  for (const isShared of [false, true]) {
    await using folder = await temporaryFolder()
    await mkdir(join(folder.path, 'requests'))
    const gitDir = join(folder.path, 'repository.git')
    await mkdir(join(gitDir, 'objects/pack'), { recursive: true })
    {
      await using opened = await open(folder.path, isShared)
      for (const how of ['noteRepack', 'noteFetch'] as const) {
        const { file } = opened[how]({ leader: 999_999_999, word: how, since: 0 }, gitDir)
        assert.equal(Object.keys(readNote(file!)).filter((key) => key.endsWith('Since')).length, isShared ? 0 : 1, how)
      }
    }
    // The kernel stamps files with the time of its last tick, which may be before that of the notes.
    await untilClockTicks(folder.path)
    await writeFile(join(gitDir, 'objects/pack/tmp_pack_AbCdEf'), '')
    await using _again = await open(folder.path, isShared)
    assert.deepEqual(await readdir(join(gitDir, 'objects/pack')), isShared ? ['tmp_pack_AbCdEf'] : [])
  }
})
