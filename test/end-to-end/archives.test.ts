import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { git } from '@sluice/shared/testing/git'
import { ask, target } from '@sluice/shared/testing/http'
import { largeRepository } from '@sluice/shared/testing/requests'
import { isQuiet, startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** `GET /R.git/archive/REF.tar.gz` and `.zip`, with real git and tar. */

const run = promisify(execFile)
let stack: Stack
let ids: { readonly main: string; readonly hidden: string }

before(async () => {
  stack = await startStack({ SLUICE_FETCH_SLOTS: '2' })
  await git(stack.root, ['init', '--quiet', '--bare', 'team/project.git'])
  await git(stack.root, ['init', '--quiet', '--bare', 'empty.git'])
  ids = await fill(join(stack.root, 'team/project.git'))
  await largeRepository(join(stack.root, 'large.git'))
})
after(() => stack[Symbol.asyncDispose]())

/** A commit with what attributes leave out, expand and filter, and a hidden one. Both have a file that a hook may run. */
async function fill(gitDir: string): Promise<typeof ids> {
  const work = join(stack.folder, 'work')
  await mkdir(work)
  await git(work, ['init', '--quiet'])
  const files = {
    '.gitattributes': 'left-out export-ignore\nexpanded export-subst\npointer filter=lfs\n',
    'left-out': 'no',
    'expanded': '$Format:%H$',
    'pointer': 'version https://git-lfs.github.com/spec/v1\n',
  }
  for (const [name, content] of Object.entries(files)) await writeFile(join(work, name), content)
  await git(work, ['add', '.'])
  await git(work, ['commit', '--quiet', '-m', 'One'])
  await git(work, ['tag', '-a', '-m', 'One', 'v1.0'])
  await git(work, ['push', '--quiet', gitDir, 'main', 'main:feature/x', 'v1.0'])
  const main = await git(work, ['rev-parse', 'main'])
  await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'Hidden'])
  await git(work, ['push', '--quiet', gitDir, 'main:refs/hidden/x'])
  await git(gitDir, ['config', 'transfer.hideRefs', 'refs/hidden'])
  return { main, hidden: await git(work, ['rev-parse', 'main']) }
}

/** Downloads with curl, unpacks, and returns the files by name. */
async function unpacked(path: string): Promise<Record<string, string>> {
  const folder = join(stack.folder, `out-${randomBytes(4).toString('hex')}`)
  await mkdir(folder)
  await run('curl', ['--silent', '--fail', '-OJ', `${stack.url}${path}`], { cwd: folder })
  const [name = ''] = await readdir(folder)
  // There may be no unzip, but python3 comes with every Debian that has git's own scripts.
  if (name.endsWith('.zip')) await run('python3', ['-m', 'zipfile', '-e', name, '.'], { cwd: folder })
  else await run('tar', ['xzf', name], { cwd: folder })
  const prefix = name.replace(/\.(?:tar\.gz|zip)$/, '')
  const files = await readdir(join(folder, prefix))
  const read = files.map(async (file) => [`${prefix}/${file}`, await readFile(join(folder, prefix, file), 'utf8')])
  return Object.fromEntries((await Promise.all(read)) as [string, string][])
}

async function fetchRaw(path: string): Promise<IncomingMessage> {
  const sent = get({ ...target(stack.gateway.address), path, agent: false })
  sent.on('error', () => {})
  const [reply] = (await once(sent, 'response')) as [IncomingMessage]
  reply.on('error', () => {})
  return reply
}

async function bodyOf(reply: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of reply as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function noGitIsLeft(): Promise<void> {
  await until('no git to be left', async () => (await stack.gitProcesses()).length === 0)
  await until('all workers to be free', async () => isQuiet(await stack.status()))
}

test('branches, tags and commits are archives, with what attributes say, and LFS’s pointers as they are', async () => {
  const { main } = ids
  for (const [path, folder] of [
    ['/team/project.git/archive/main.tar.gz', 'project-main'],
    ['/team/project/archive/feature/x.tar.gz', 'project-feature-x'],
    ['/team/project.git/archive/refs/tags/v1.0.tar.gz', 'project-v1.0'],
    [`/team/project.git/archive/${main}.zip`, `project-${main}`],
    [`/team/project.git/archive/${main.slice(0, 10)}.zip`, `project-${main.slice(0, 10)}`],
  ] as const) {
    const files = await unpacked(path)
    assert.deepEqual(Object.keys(files).toSorted(), [
      `${folder}/.gitattributes`,
      `${folder}/expanded`,
      `${folder}/pointer`,
    ])
    assert.equal(files[`${folder}/expanded`], main)
    assert.match(files[`${folder}/pointer`]!, /^version https:/)
  }
})

test('a client that has an archive of this commit gets 304, and HEAD runs no git archive', async () => {
  const path = '/team/project.git/archive/main.zip'
  const head = await ask(stack.gateway.address, path, { method: 'HEAD', headers: { 'X-Request-Id': 'head-only' } })
  assert.equal(head.status, 200)
  assert.equal(head.headers.etag, `W/"${ids.main}.zip"`)
  assert.equal(head.headers['content-type'], 'application/zip')
  assert.equal(head.headers['content-disposition'], 'attachment; filename="project-main.zip"')
  const line = await stack.supervisor.line(({ requestId }) => requestId === 'head-only')
  assert.equal(line['git'], undefined)
  const known = await ask(stack.gateway.address, path, { headers: { 'If-None-Match': head.headers.etag ?? '' } })
  assert.deepEqual([known.status, known.body, known.headers.etag], [304, '', head.headers.etag])
  const other = await ask(stack.gateway.address, path, { headers: { 'If-None-Match': 'W/"x.zip"' } })
  assert.equal(other.status, 200)
})

test('what is no name, what is hidden, and what does not exist is refused in words', async () => {
  for (const [path, status, reason] of [
    ['/team/project.git/archive/--output=x.zip', 400, 'bad_archive_name'],
    ['/team/project.git/archive/main%5E.zip', 400, 'bad_archive_name'],
    ['/team/project.git/archive/main:expanded.zip', 400, 'bad_archive_name'],
    ['/team/project.git/archive/main.tar', 400, 'bad_archive_name'],
    ['/team/project.git/archive/refs/hidden/x.zip', 404, 'archive_missing'],
    [`/team/project.git/archive/${ids.hidden}.zip`, 404, 'archive_missing'],
    ['/empty.git/archive/HEAD.zip', 404, 'archive_missing'],
    ['/missing.git/archive/main.zip', 404, 'repository_missing'],
  ] as const) {
    const reply = await ask(stack.gateway.address, path)
    assert.deepEqual([reply.status, reply.headers['sluice-reason']], [status, reason], path)
    assert.match(reply.body, /^[A-Z].*\.\n$/)
  }
})

test('the repository’s configuration runs no program, and turns archives off', async () => {
  const gitDir = join(stack.root, 'configured.git')
  await git(stack.root, ['clone', '--quiet', '--bare', 'team/project.git', gitDir])
  const proof = join(stack.folder, 'proof')
  await writeFile(join(stack.folder, 'touch.sh'), `#!/bin/sh\ntouch ${proof}\ncat\n`)
  await chmod(join(stack.folder, 'touch.sh'), 0o755)
  for (const name of ['tar.tar.gz.command', 'filter.lfs.smudge', 'gpg.program', 'uploadpack.packObjectsHook']) {
    await git(gitDir, ['config', name, join(stack.folder, 'touch.sh')])
  }
  const reply = await ask(stack.gateway.address, '/configured.git/archive/main.tar.gz')
  assert.equal(reply.status, 200)
  await assert.rejects(readFile(proof), { code: 'ENOENT' })
  await git(gitDir, ['config', 'http.uploadarchive', 'false'])
  const off = await ask(stack.gateway.address, '/configured.git/archive/main.tar.gz')
  assert.deepEqual([off.status, off.headers['sluice-reason']], [403, 'service_disabled'])
})

test('a link on another site’s page is followed, and its scripts get nothing', async () => {
  const path = '/team/project.git/archive/main.zip'
  const from = (mode: string, dest: string) =>
    ask(stack.gateway.address, path, {
      headers: { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': mode, 'Sec-Fetch-Dest': dest },
    })
  assert.equal((await from('navigate', 'document')).status, 200)
  assert.equal((await from('no-cors', 'image')).headers['sluice-reason'], 'cross_site')
  assert.equal((await from('navigate', 'iframe')).headers['sluice-reason'], 'cross_site')
})

describe('a large archive', () => {
  test('is written for several who ask for it at the same time', async () => {
    const { ctimeMs } = await stat(join(stack.root, 'large.git/config'))
    await until('the repository to be old enough for it', () => Date.now() - ctimeMs > 1200)
    const replies = await Promise.all(Array.from({ length: 6 }, () => fetchRaw('/large.git/archive/main.tar.gz')))
    const bodies = await Promise.all(replies.map(bodyOf))
    for (const body of bodies) assert.ok(body.equals(bodies[0]!))
    assert.ok(gunzipSync(bodies[0]!).length > 8 * 2 ** 20)
    await stack.supervisor.line(({ kind, cache }) => kind === 'archive' && cache === 'pack')
    await noGitIsLeft()
  })

  test('is ended when its client leaves', async () => {
    const reply = await fetchRaw('/large.git/archive/main.zip')
    await once(reply, 'readable')
    reply.destroy()
    const left = ({ kind, outcome }: Record<string, unknown>) => kind === 'archive' && outcome === 'client_gone'
    await stack.supervisor.line(left)
    await noGitIsLeft()
  })

  test('is cut where git cannot read all of it, and never looks whole', async () => {
    const gitDir = join(stack.root, 'damaged.git')
    await largeRepository(gitDir)
    const missing = `100644 blob ${'1'.repeat(40)}\tlast`
    const tree = await git(gitDir, ['mktree', '--missing'], {
      input: `${await git(gitDir, ['ls-tree', 'main'])}\n${missing}\n`,
    })
    await git(gitDir, ['update-ref', 'refs/heads/main', await git(gitDir, ['commit-tree', '-m', 'Damaged', tree])])
    for (const format of ['tar.gz', 'zip']) {
      const reply = await fetchRaw(`/damaged.git/archive/main.${format}`)
      assert.equal(reply.statusCode, 200)
      await assert.rejects(bodyOf(reply))
    }
    const line = await stack.supervisor.line(({ kind, reason }) => kind === 'archive' && reason === 'git_failed')
    assert.equal(line['outcome'], 'git_failed')
    await noGitIsLeft()
  })
})
