import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { hash } from '@node-rs/bcrypt'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, tryGit } from '@sluice/shared/testing/git'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/** What a push has lost is found in the reflog and in the audit log, and brought back: docs/operate/undo.md. */

const users = ['ann', 'Ben <> "x"', '.'] as const
const made = new AsyncDisposableStack()
let stack: Stack
let log: string

before(async () => {
  const folder = made.use(await temporaryFolder()).path
  log = join(folder, 'audit.log')
  const [passwords, rules] = [join(folder, 'htpasswd'), join(folder, 'access.yaml')]
  const lines = await Promise.all(users.map(async (user) => `${user}:${await hash('secret', 4)}\n`))
  await writeFile(passwords, lines.join(''))
  await writeFile(rules, `rules:\n  - repositories: '**'\n    write: users\n    create: users\n`)
  const access = { SLUICE_ACCESS: 'file', SLUICE_PASSWORD_FILE: passwords, SLUICE_ACCESS_FILE: rules }
  stack = made.use(await startStack({ ...access, SLUICE_AUDIT_LOG: log }))
})
after(() => made.disposeAsync())

let count = 0

/** A repository that a push has created, and a clone of it. */
async function repository() {
  const name = `undo/r${++count}`
  const work = join(stack.folder, `work-${count}`)
  await git(stack.folder, ['init', '--quiet', work])
  for (const message of ['One', 'Two']) await git(work, ['commit', '--quiet', '--allow-empty', '-m', message])
  const pushAs = async (user: string, ...args: string[]) => {
    const login = `Authorization: Basic ${Buffer.from(`${user}:secret`).toString('base64')}`
    const url = `${stack.url}/${name}.git`
    const pushed = await tryGit(work, [
      '-c',
      `http.extraHeader=${login}`,
      'push',
      ...args.slice(0, -1),
      url,
      args.at(-1)!,
    ])
    assert.equal(pushed.code, 0, pushed.stderr)
  }
  await pushAs('ann', 'main')
  return { name, gitDir: join(stack.root, `${name}.git`), work, pushAs }
}

/** The last change of a reference on record. */
async function lastChange(name: string, ref: string) {
  const records = (await readFile(log, 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { repository: string; user: string; refs: { ref: string; old: string }[] })
  const record = records.findLast(
    ({ repository: one, refs }) => one === name && refs.some((change) => change.ref === ref),
  )
  return { user: record?.user, old: record?.refs.find((change) => change.ref === ref)?.old }
}

test('a forced push is undone by the reflog, and by the audit log', async () => {
  const { name, gitDir, work, pushAs } = await repository()
  const lost = await git(work, ['rev-parse', 'main'])
  await pushAs(users[1], '--force', 'main~1:main')
  const forced = await git(gitDir, ['rev-parse', 'main'])
  assert.notEqual(forced, lost)
  const reflog = await git(gitDir, ['log', '-g', '--format=%H %gn', 'refs/heads/main'])
  // git leaves out what would end the name in a reflog.
  assert.deepEqual(reflog.split('\n'), [`${forced} Ben  "x`, `${lost} ann`])
  assert.deepEqual(await lastChange(name, 'refs/heads/main'), { user: users[1], old: lost })
  await git(gitDir, ['update-ref', '-m', 'undo', 'refs/heads/main', lost, forced])
  assert.equal(await git(work, ['rev-parse', 'main']), await git(gitDir, ['rev-parse', 'main']))
  await pushAs(users[2], 'main:again')
})

test('a deleted branch and a forced tag are brought back, after git gc as well', async () => {
  const { name, gitDir, work, pushAs } = await repository()
  await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'Three'])
  const lost = await git(work, ['rev-parse', 'main'])
  await pushAs('ann', 'main:topic')
  await pushAs('ann', 'main:refs/tags/v1')
  await pushAs('ann', ':topic')
  await pushAs('ann', '--force', 'main~2:refs/tags/v1')
  assert.notEqual((await tryGit(gitDir, ['log', '-g', 'refs/heads/topic'])).code, 0)
  await git(gitDir, ['gc', '--quiet'])
  const { user, old } = await lastChange(name, 'refs/heads/topic')
  assert.deepEqual({ user, old }, { user: 'ann', old: lost })
  await git(gitDir, ['update-ref', '-m', 'undo', 'refs/heads/topic', old!, ''])
  assert.equal(await git(gitDir, ['log', '-1', '--format=%s', 'topic']), 'Three')
  assert.equal(await git(gitDir, ['rev-parse', 'refs/tags/v1@{1}']), lost)
})

test('a repository that wants no reflogs has none', async () => {
  const { gitDir, pushAs } = await repository()
  await git(gitDir, ['config', 'core.logAllRefUpdates', 'false'])
  await pushAs('ann', 'main:quiet')
  assert.equal(await git(gitDir, ['reflog', 'show', 'refs/heads/quiet']), '')
})
