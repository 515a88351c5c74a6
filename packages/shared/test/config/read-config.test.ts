import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError } from '../../src/config/config-error.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { settings } from '../../src/config/settings.ts'

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(settings, env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

test('every setting has a default that it accepts itself', () => {
  const config = readConfig(settings, {})
  assert.deepEqual(config.listen, { kind: 'tcp', host: '127.0.0.1', port: 8080 })
  assert.equal(config.queueTimeout, 30_000)
  assert.equal(config.maxFetchRequest, 32 * 2 ** 20)
  assert.equal(config.createOnPush, false)
})

test('all problems are reported at once, by name, with what would be right', () => {
  const problems = problemsOf({
    SLUICE_LISTEN: 'here',
    SLUICE_FETCH_SLOTS: '0',
    SLUICE_KILL_GRACE: '5',
    SLUICE_CREATE_ON_PUSH: 'yes',
    SLUICE_MAX_FETCH_REQUEST: '32MB',
    SLUICE_SPEED: 'high',
    OTHER: 'not ours',
  })
  assert.equal(problems.length, 6)
  const text = problems.join('\n')
  assert.match(text, /SLUICE_LISTEN takes host:port, or unix:\/path, not "here"\./)
  assert.match(text, /SLUICE_FETCH_SLOTS takes auto, or a whole number from 1 to 10000, not "0"\./)
  assert.match(text, /SLUICE_KILL_GRACE takes a time such as 0s, 500ms or 30s, not "5"\./)
  assert.match(text, /SLUICE_CREATE_ON_PUSH takes on or off, not "yes"\./)
  assert.match(text, /SLUICE_MAX_FETCH_REQUEST takes a size such as 512KiB, 32MiB or 1GiB, not "32MB"\./)
  assert.match(text, /SLUICE_SPEED is not a setting of Sluice\./)
})

test('an application knows the names of the other one’s settings, and ignores their values', () => {
  const { listen } = settings
  assert.ok(readConfig({ listen }, { SLUICE_ROOT: '/srv', SLUICE_FETCH_SLOTS: 'none' }))
})

test('an empty variable counts as not set', () => {
  assert.equal(readConfig(settings, { SLUICE_GIT: '' }).git, 'git')
})

test('times and sizes are read in their units, and bounded', () => {
  const read = (env: Record<string, string>) => readConfig(settings, env)
  assert.equal(read({ SLUICE_PUSH_GRACE: '250ms' }).pushGrace, 250)
  assert.equal(read({ SLUICE_IDLE_TIMEOUT: '2h' }).idleTimeout, 7_200_000)
  assert.equal(read({ SLUICE_PACK_WINDOW_MEMORY: '1GiB' }).packWindowMemory, 2 ** 30)
  for (const time of ['', ' 5s', '-5s', '5 s', '1e3s', '600h', '0s', '1.5s']) {
    if (time) assert.equal(problemsOf({ SLUICE_IDLE_TIMEOUT: time }).length, 1, time)
  }
})

test('addresses are hosts with ports, or socket paths that fit', () => {
  const read = (value: string) => readConfig(settings, { SLUICE_SUPERVISOR: value }).supervisor
  assert.deepEqual(read('[::1]:9000'), { kind: 'tcp', host: '::1', port: 9000 })
  assert.deepEqual(read('unix:/run/s.sock'), { kind: 'unix', path: '/run/s.sock' })
  for (const value of [
    'unix:relative',
    `unix:/${'x'.repeat(107)}`,
    'host',
    'host:70000',
    ':80',
    'a b:80',
    '::1:80',
    '127.0.0.1:0',
  ]) {
    assert.equal(problemsOf({ SLUICE_SUPERVISOR: value }).length, 1, value)
  }
})

test('of a long value, the part that is wrong is named, whatever other forms the value may have', () => {
  const [problem] = problemsOf({ SLUICE_READ_ONLY: 'legacy/**=Moved; a, b' })
  assert.match(problem ?? '', / \(in "a, b": a pattern without spaces and commas comes first.*\)\.$/)
  const [rule] = problemsOf({ SLUICE_PROTECTED_REFS: '**:refs/heads/main=never' })
  assert.match(rule ?? '', / \(in "\S+": "never" is none of no-force, no-delete and nobody\)\.$/)
})

test('a lease takes what it says that it takes', () => {
  assert.deepEqual([problemsOf({ SLUICE_LEASE: '1m' }), problemsOf({ SLUICE_LEASE: '2000ms' })], [[], []])
  for (const time of ['999ms', '1500ms', '61s', '2h']) {
    assert.match(problemsOf({ SLUICE_LEASE: time })[0]!, /takes a time from 1s to 1m, in whole seconds, not/)
  }
})
