import assert from 'node:assert/strict'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory } from '@sluice/shared/testing/git'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { bytesInWords, printable } from '../src/output/words.ts'
import { call, documentOf } from './support/call.ts'

describe('sluice repo', () => {
  let stack: Stack
  let env: NodeJS.ProcessEnv
  before(async () => {
    stack = await startStack()
    env = { PATH: process.env['PATH'], SLUICE_ROOT: stack.root, SLUICE_RUN_FOLDER: join(stack.folder, 'run') }
  })
  after(() => stack[Symbol.asyncDispose]())

  const repo = (...args: string[]) => call(['repo', ...args], { env })
  const said = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await repo(...args)
    assert.equal(exitCode, 0, stderr)
    return stdout
  }

  test('does each task with one command, on the host that runs', async () => {
    assert.equal(await said('create', 'team/one', '--description', 'The first'), 'Created team/one.\n')
    await importHistory(join(stack.root, 'team/one.git'), 3)
    assert.match(await said('list'), /^NAME +SIZE [^\n]*\nteam\/one .*main +sha1 +yes +The first\n$/)
    assert.match(await said('fork', 'team/one', 'me/one'), /Made me\/one, which borrows/)
    assert.match(await said('show', 'me/one'), /borrows from +.*team\/one\.git\/objects/)
    assert.match(await said('size', 'team/one'), /loose objects +\d+/)
    assert.match(await said('readonly', 'me/one', 'on', '--message', 'No more'), /takes no pushes now/)
    assert.match(await said('show', 'me/one'), /pushes +refused: No more/)
    assert.match(await said('gc', 'me/one'), /^me\/one: .* before, .* now/)
    assert.match(await said('rename', 'team/one', 'team/two'), /^Renamed team\/one to team\/two\.\n$/)
    assert.equal(await said('fsck', 'me/one'), 'me/one is sound.\n')
    assert.match(await said('delete', 'me/one'), /^Deleted me\/one\. It is kept until \d{4}-.*sluice repo restore/)
    assert.match(await said('trash'), /me\/one/)
    assert.equal(await said('restore', 'me/one', '--to', 'me/again'), 'Restored me/again.\n')
    assert.equal(await said('trash', 'list'), 'The trash is empty.\n')
    const { document } = await documentOf(['repo', 'list', '--sort', 'size'], { env })
    const names = (document as { repositories: { name: string }[] }).repositories.map(({ name }) => name)
    assert.deepEqual(names, ['team/two', 'me/again'])
  })

  test('says what went wrong, in a sentence', async () => {
    const wrong: [args: string[], exitCode: number, says: RegExp][] = [
      [['create', 'team/two'], 1, /There is a repository "team\/two" already/],
      [['delete', 'team/two'], 1, /borrow objects from this one: me\/again/],
      [['head', 'team/two', 'nope'], 1, /There is no branch "nope"\. It has: main/],
      [['show', 'no such'], 1, /There is no repository "no such"/],
      [['restore', 'no such'], 1, /The trash has no no such/],
      [['readonly', 'team/two', 'off', '--message', 'x'], 2, /--message is for "on"/],
      [['list', '--sort', 'age'], 2, /name, size, push/],
      [['rename', 'team/two'], 2, /Say the new-name, too/],
    ]
    for (const [args, exitCode, says] of wrong) {
      const result = await repo(...args)
      assert.equal(result.exitCode, exitCode, args.join(' '))
      assert.match(result.stderr, says)
      assert.equal(result.stdout, '')
    }
  })
})

test('sluice repo works on the root while the host is stopped, and takes nothing from a host', async () => {
  await using folder = await temporaryFolder()
  const root = join(folder.path, 'root')
  await mkdir(root)
  const env = { PATH: process.env['PATH'], SLUICE_ROOT: root, SLUICE_RUN_FOLDER: join(folder.path, 'run') }
  const created = await call(['repo', 'create', 'alone'], { env })
  assert.deepEqual(created, { exitCode: 0, stdout: 'Created alone.\n', stderr: '' })
  assert.equal(await git(join(root, 'alone.git'), ['rev-parse', '--is-bare-repository']), 'true')
  const run = await readdir(env.SLUICE_RUN_FOLDER)
  assert.deepEqual(
    run.filter((name) => name.endsWith('.sock') || name === 'supervisor'),
    [],
  )
})

test('a stopped host of a shared folder says why nothing can be done on it, and nothing else', async () => {
  await using folder = await temporaryFolder()
  const env = {
    PATH: process.env['PATH'],
    SLUICE_ROOT: folder.path,
    SLUICE_RUN_FOLDER: join(folder.path, 'run'),
    SLUICE_SUPERVISOR: '127.0.0.1:9090',
    SLUICE_CLUSTER: 'etcd',
    SLUICE_ETCD: 'http://127.0.0.1:1',
    SLUICE_STORAGE: 'shared',
    SLUICE_HOST_NAME: 'one',
  }
  const why =
    'This host is stopped, and others of its cluster work with its repositories (SLUICE_STORAGE=shared). ' +
    'Do this on a host that runs.'
  const { exitCode, stdout, stderr } = await call(['repo', 'list'], { env })
  assert.deepEqual([exitCode, stdout, stderr], [1, '', `error: ${why}\n`])
  const asked = await documentOf(['repo', 'list'], { env })
  assert.deepEqual(asked, { exitCode: 1, document: { error: { kind: 'failed', message: why, problems: [why] } } })
})

test('amounts and names are fit for a terminal', () => {
  assert.deepEqual([0, 1023, 1024, 1_500_000, 2 ** 41].map(bytesInWords), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.4 MiB',
    '2.0 TiB',
  ])
  assert.equal(printable('a\u001b[31m\nb'), 'a?[31m?b')
})
