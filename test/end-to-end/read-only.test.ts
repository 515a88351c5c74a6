import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** Repositories that take no pushes: by a file that is read again, and by their own configuration. */

const made = new AsyncDisposableStack()
let stack: Stack
let file: string

before(async () => {
  file = join(made.use(await temporaryFolder()).path, 'read-only')
  await writeFile(file, '# Moved last week\nlegacy/** = Now on git.example.org, since May.\n')
  stack = made.use(await startStack({ SLUICE_READ_ONLY: file }))
})
after(() => made.disposeAsync())

async function repository(name: string) {
  const gitDir = join(stack.root, `${name}.git`)
  await mkdir(gitDir, { recursive: true })
  await git(gitDir, ['init', '--quiet', '--bare', '.'])
  await importHistory(gitDir, 2)
  const work = join(stack.folder, name.replaceAll('/', '-'))
  await git(stack.folder, ['clone', '--quiet', `${stack.url}/${name}.git`, work])
  await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'More'])
  return { gitDir, work, push: () => tryGit(work, ['push', 'origin', 'main']) }
}

/** A POST without an advertisement before it. */
async function post(name: string) {
  const line = `${'0'.repeat(40)} ${'1'.repeat(40)} refs/heads/x\0 report-status side-band-64k`
  return await ask(stack.supervisor.address, `/${name}/git-receive-pack`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-git-receive-pack-request' },
    body: pktLine(line) + flushPacket,
  })
}

/** Replaces the file, and waits until it is in force. */
async function write(text: string): Promise<void> {
  const before_ = readsAnew()
  await writeFile(`${file}.new`, text)
  await rename(`${file}.new`, file)
  await until('the file to be read', () => readsAnew() > before_)
}

function readsAnew(): number {
  return stack.supervisor.lines.filter(({ msg }) => String(msg).startsWith('SLUICE_READ_ONLY')).length
}

test('a push to a read-only repository is refused with the operator’s words, and nothing is started', async () => {
  const { push, gitDir } = await repository('legacy/app')
  const { code, stderr } = await push()
  assert.notEqual(code, 0)
  assert.match(stderr, /remote: This repository is read-only: .*\. Now on git\.example\.org, since May\./)
  const line = await stack.supervisor.line(({ reason }) => reason === 'read_only')
  assert.equal(line['status'], 403)
  assert.equal(line['kind'], 'advertisement')
  assert.equal(line['worker'], undefined)
  const reply = await post('legacy/app.git')
  assert.equal(reply.status, 403)
  assert.match(reply.body, /Now on git\.example\.org/)
  assert.equal(await git(gitDir, ['rev-list', '--count', 'main']), '2')
})

test('no other name of it is a way around, and a push creates nothing there', async () => {
  await repository('legacy/second')
  await symlink(join(stack.root, 'legacy/second.git'), join(stack.root, 'alias.git'))
  await symlink('legacy', join(stack.root, 'folder'))
  const names = ['alias', 'alias.git', 'legacy/second.git/.git', 'legacy/new.git', 'folder/new.git', 'folder/a/new.git']
  for (const name of names) {
    assert.equal((await post(name)).status, 403, name)
    const { status } = await ask(stack.supervisor.address, `/${name}/info/refs?service=git-receive-pack`)
    assert.equal(status, 403, name)
  }
  assert.ok(!existsSync(join(stack.root, 'legacy/new.git')))
})

test('the file is read again, and a broken one changes nothing', async () => {
  const { push, work } = await repository('team/app')
  assert.equal((await push()).code, 0)
  await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'More'])
  await write('** = Moving to new machines until 18:00')
  assert.match((await push()).stderr, /Moving to new machines until 18:00/)
  await git(work, ['fetch', '--quiet'])
  await write('a pattern with spaces')
  assert.match((await push()).stderr, /Moving to new machines until 18:00/)
  await write('')
  assert.equal((await push()).code, 0)
})

test('a repository’s own configuration makes it read-only, with or without words', async () => {
  const { push, gitDir } = await repository('team/own')
  const own = async (value: string) => git(gitDir, ['config', 'sluice.readOnly', value])
  await own('Frozen for the release; ask Jörg.')
  assert.match((await push()).stderr, /read-only: .* Frozen for the release; ask Jörg\./)
  assert.equal((await post('team/own.git')).status, 403)
  await own('true')
  assert.match(
    (await push()).stderr,
    /remote: This repository is read-only: it can be fetched from, but not pushed to\.$/m,
  )
  await own('a \u001b[31m word')
  assert.match((await push()).stderr, /pushed to\. a \[31m word/)
  await own('false')
  assert.equal((await push()).code, 0)
})
