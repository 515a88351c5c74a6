import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { startStack } from '@sluice/shared/testing/stack'
import type { LogLine } from '@sluice/shared/testing/app'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** What the debug log says of git. git's own traces go to the log, and never to a client. */

let stack: Stack
let repository: string
before(async () => {
  stack = await startStack({ SLUICE_LOG_LEVEL: 'debug', SLUICE_GIT_TRACE: 'trace,packet,performance,trace2' })
  repository = join(stack.root, 'project.git')
  await git(stack.root, ['init', '--quiet', '--bare', 'project.git'])
  await importHistory(repository, 3)
})
after(() => stack[Symbol.asyncDispose]())

const anyTrace = /GIT_TRACE|trace:|performance:|packet:|cmd_name/

/** A line about a git command with this word among its arguments. */
const about = (msg: string, word: string) => (line: LogLine) =>
  line['msg'] === msg && Array.isArray(line['args']) && line['args'].includes(word)

const traced = (pattern: RegExp) =>
  stack.supervisor.line((line) => line['msg'] === 'git trace' && pattern.test(String(line['trace'])))

async function clone(name: string) {
  const result = await tryGit(stack.folder, ['clone', `${stack.url}/project.git`, name])
  assert.equal(result.code, 0, result.stderr)
  return { ...result, path: join(stack.folder, name) }
}

test('git is logged under its request, and its trace is not shown to the user', async () => {
  const { stdout, stderr } = await clone('clone')
  assert.doesNotMatch(stdout + stderr, anyTrace)
  const start = await stack.supervisor.line(about('spawn', 'upload-pack'))
  const end = await stack.supervisor.line(
    (line) => about('spawn complete', 'upload-pack')(line) && line['worker'] === start['worker'],
  )
  assert.deepEqual([end['code'], end['signal'], end['requestId']], [0, null, start['requestId']])
  const isItsRequest = (line: LogLine) => line['requestId'] === start['requestId'] && 'outcome' in line
  const request = await stack.supervisor.line(isItsRequest)
  assert.deepEqual([request['repository'], request['worker']], ['project.git', start['worker']])
  await traced(/packet: +upload-pack< command=fetch/)
  await traced(/performance: .* git .*pack-objects/)
})

test('a push is traced to the log only, and its hooks do not trace', async () => {
  await writeHook(
    repository,
    'pre-receive',
    'env | grep ^GIT_TRACE; git --git-dir=. rev-parse --git-dir; echo seen by the hook',
  )
  const { path } = await clone('push')
  await git(path, ['commit', '--quiet', '--allow-empty', '-m', 'one more'])
  const { code, stdout, stderr } = await tryGit(path, ['push', 'origin', 'HEAD:refs/heads/pushed'])
  assert.equal(code, 0, stderr)
  assert.match(stderr, /seen by the hook/)
  assert.doesNotMatch(stdout + stderr, anyTrace)
  await traced(/run_command: .*GIT_QUARANTINE_PATH=/)
  await traced(/performance: .* git .*receive-pack/)
})

test('the files of a traced push are still known when it is killed', async () => {
  await writeHook(repository, 'pre-receive', 'kill -9 $PPID')
  const { path } = await clone('killed-push')
  await git(path, ['commit', '--quiet', '--allow-empty', '-m', 'another one'])
  assert.notEqual((await tryGit(path, ['push', 'origin', 'HEAD:refs/heads/killed'])).code, 0)
  const line = await stack.supervisor.line(({ reason }) => reason === 'git_killed')
  assert.match(String(line['swept']), /incoming-/)
  assert.ok(!(await readdir(join(repository, 'objects'))).some((name) => name.includes('incoming-')))
})

test('a job of the supervisor’s own is logged, too', async () => {
  const end = await stack.supervisor.line(about('spawn complete', 'version'))
  assert.equal(end['code'], 0)
})

test('no trace is left on disk', async () => {
  const traces = join(stack.folder, 'run/traces')
  await until('the traces to be removed', async () => (await readdir(traces)).length === 0)
})
