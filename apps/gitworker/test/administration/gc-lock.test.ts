import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, tryGit } from '@sluice/shared/testing/git'
import { checkObjects } from '../../src/administration/change/check-objects.ts'
import { isGcAtWork, lockForGc, removeStaleGcLock } from '../../src/administration/gc/gc-lock.ts'
import { Turns } from '../../src/administration/operation/turns.ts'
import type { RunLongJob } from '../../src/process/job/long-job.ts'
import { identityOf } from '../../src/process/process-table.ts'
import { asUser } from '../support/as-user.ts'

const deadPid = 4_194_305
const here = hostname()

describe('the lock of a git gc', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let repository: string
  let lock: string

  beforeEach(async () => {
    folder = await temporaryFolder()
    repository = join(folder.path, 'a.git')
    lock = join(repository, 'gc.pid.lock')
    await git(folder.path, ['init', '--quiet', '--bare', repository])
  })

  afterEach(() => folder[Symbol.asyncDispose]())

  test('one of a killed supervisor whose pid this one has is no gc at work, and stops no git gc once it is removed', async () => {
    leave('gc.pid', `${process.pid} ${here} ${process.pid} 1 00000000-0000-0000-0000-000000000000`)
    assert.ok(!isGcAtWork(repository))
    assert.match((await tryGit(repository, ['gc'])).stderr, /gc is already running/)
    removeStaleGcLock(repository)
    assert.equal((await tryGit(repository, ['gc'])).code, 0)
    assert.deepEqual(left(), [])
  })

  test('one counts as long as its process lives, and not for another process with its pid', () => {
    const parent = process.ppid
    const identity = identityOf(parent)!
    for (const [text, counts] of [
      [`${parent} ${here}`, true],
      [`${parent} ${here} ${identity}`, true],
      [`${parent} ${here} ${identity.replace(/ \d+ /, ' 1 ')}`, false],
      [`${deadPid} ${here}`, false],
      [`${deadPid} elsewhere.example`, true],
    ] as const) {
      leave('gc.pid', text)
      assert.equal(isGcAtWork(repository), counts, text)
      removeStaleGcLock(repository)
      assert.equal(existsSync(join(repository, 'gc.pid')), counts, text)
    }
  })

  test('is held with the identity of this process, which git reads over', async () => {
    {
      using held = lockForGc(repository)
      assert.ok(held)
      const text = readFileSync(join(repository, 'gc.pid'), 'utf8')
      assert.equal(text, `${process.pid} ${here} ${identityOf(process.pid)}`)
      removeStaleGcLock(repository)
      assert.ok(isGcAtWork(repository))
      assert.match((await tryGit(repository, ['gc'])).stderr, /gc is already running/)
    }
    assert.deepEqual(left(), [])
  })

  test('a gc.pid.lock that a killed process left stops nobody, and one without a word of its owner stays', () => {
    for (const text of ['', `${process.ppid} ${here}`, `${deadPid} elsewhere.example`]) {
      leave('gc.pid.lock', text)
      assert.equal(lockForGc(repository), undefined, text)
      removeStaleGcLock(repository)
      assert.equal(readFileSync(lock, 'utf8'), text)
    }
    for (const text of [`${deadPid} ${here}`, `${process.pid} ${here} ${process.pid} 1 boot`]) {
      leave('gc.pid.lock', text)
      removeStaleGcLock(repository)
      assert.ok(!existsSync(lock), text)
      leave('gc.pid.lock', text)
      lockForGc(repository)![Symbol.dispose]()
    }
    assert.deepEqual(left(), [])
  })

  test('what is no lock hangs nobody, and stands in the way of nobody but where it says so', async () => {
    const large = join(folder.path, 'large')
    writeFileSync(large, '')
    truncateSync(large, 2 ** 30)
    const pid = join(repository, 'gc.pid')
    for (const leaveIt of [
      () => execFileSync('mkfifo', [pid]),
      () => symlinkSync(large, pid),
      () => symlinkSync('gc.pid', pid),
      () => leave('gc.pid', 'x'.repeat(100_000)),
    ]) {
      leaveIt()
      assert.ok(!isGcAtWork(repository), String(leaveIt))
      lockForGc(repository)![Symbol.dispose]()
      leaveIt()
      removeStaleGcLock(repository)
      assert.deepEqual(left(), [], String(leaveIt))
    }
    mkdirSync(pid)
    for (const take of [lockForGc, removeStaleGcLock]) {
      assert.throws(() => take(repository), { reason: 'operation_failed', sentence: /gc\.pid is a folder/ })
    }
    assert.deepEqual(left(), ['gc.pid'])
    rmdirSync(pid)
    execFileSync('mkfifo', [lock])
    assert.equal(lockForGc(repository), undefined)
    removeStaleGcLock(repository)
    assert.deepEqual(left(), ['gc.pid.lock'])
  })

  test('one that may not be read is somebody’s', () => {
    leave('gc.pid', `${deadPid} ${here}`)
    chmodSync(folder.path, 0o755)
    chmodSync(join(repository, 'gc.pid'), 0)
    using _user = asUser()
    assert.ok(isGcAtWork(repository))
  })

  test('a gc.pid.lock that a failure of the power has left without a word stops nobody after a day, if nobody has it open', () => {
    leave('gc.pid.lock', '')
    const yesterday = Date.now() / 1000 - 25 * 60 * 60
    utimesSync(lock, yesterday, yesterday)
    const opened = openSync(lock, 'r')
    assert.equal(lockForGc(repository), undefined)
    closeSync(opened)
    lockForGc(repository)![Symbol.dispose]()
    assert.deepEqual(left(), [])
  })

  test('a check of objects keeps gc and maintenance out, and is refused while one of them is at work', async () => {
    const runLongJob: RunLongJob = () => Promise.resolve({ code: isGcAtWork(repository) ? 0 : 1, output: '' })
    const services = { root: folder.path, turns: new Turns(), runLongJob }
    const progress = { signal: new AbortController().signal, tell: () => {} }
    const check = () => checkObjects(services, { kind: 'fsck', repository: 'a' }, progress)
    assert.ok((await check()).isSound)
    assert.deepEqual(left(), [])
    {
      using _held = lockForGc(repository)
      await assert.rejects(check(), { reason: 'repository_busy' })
    }
    for (const name of ['gc.pid.lock', 'objects/maintenance.lock']) {
      leave(name, '')
      await assert.rejects(check(), { reason: 'repository_busy' }, name)
      rmSync(join(repository, name))
    }
  })

  function leave(name: string, text: string): void {
    writeFileSync(join(repository, name), text)
  }

  function left(): string[] {
    return readdirSync(repository).filter((name) => name.startsWith('gc.'))
  }
})
