import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { git } from '@sluice/shared/testing/git'
import { ask, sendRaw } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/** Go asks with `go-get=1` for the repository of an import path: https://go.dev/ref/mod#vcs-find */

const run = promisify(execFile)
const noGo = spawnSync('go', ['version']).status === 0 ? false : 'the go command is not installed'

let stack: Stack
before(async () => {
  stack = await startStack({ SLUICE_HOST_NAMES: 'git.example.org', SLUICE_TRUSTED_PROXIES: '127.0.0.1' })
})
after(() => stack[Symbol.asyncDispose]())

/** The contents of the tags for Go. */
async function tagsAt(address: string, path: string, headers: Record<string, string> = {}): Promise<string[]> {
  const reply = await ask(address, path, { headers: { Host: 'git.example.org', ...headers } })
  assert.equal(reply.status, 200, reply.body)
  assert.equal(reply.headers['content-type'], 'text/html; charset=utf-8')
  return [...reply.body.matchAll(/<meta name="go-import" content="([^"]*)" \/>/g)].map(([, content]) => content!)
}

describe('the page for Go', () => {
  for (const [path, repository] of [
    ['/team/project', 'team/project'],
    ['/team/project/', 'team/project'],
    ['/team/project/sub/pkg', 'team/project/sub/pkg'],
    ['/team/project/v2', 'team/project'],
    ['/team/project/v1', 'team/project/v1'],
    ['/team/project.git', 'team/project.git'],
    ['/team/project.git/sub/v3', 'team/project.git'],
  ] as const) {
    test(`names ${repository} for ${path}`, async () => {
      const file = repository.replace(/(\.git)?$/, '.git')
      assert.deepEqual(await tagsAt(stack.gateway.address, `${path}?go-get=1`), [
        `git.example.org/${repository} git http://git.example.org/${file}`,
      ])
    })
  }

  test('has the first parts of the path if the number of parts is set', async () => {
    const { address } = await stack.addGateway({ SLUICE_GO_REPOSITORY_PARTS: '2' })
    for (const path of ['/team/project', '/team/project/sub', '/team/project/sub/pkg/v2']) {
      assert.deepEqual(await tagsAt(address, `${path}?go-get=1`), [
        'git.example.org/team/project git http://git.example.org/team/project.git',
      ])
    }
    assert.deepEqual(await tagsAt(address, '/a/b/c.git/d?go-get=1'), [
      'git.example.org/a/b/c.git git http://git.example.org/a/b/c.git',
    ])
    const short = await ask(address, '/team?go-get=1', { headers: { Host: 'git.example.org' } })
    assert.deepEqual([short.status, short.headers['sluice-reason']], [404, 'not_a_git_address'])
  })

  test('has the scheme and the host that a trusted proxy names, and no other', async () => {
    const told = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'code.example.org' }
    const tags = await tagsAt(stack.gateway.address, '/a/b?go-get=1', told)
    assert.deepEqual(tags, ['code.example.org/a/b git https://code.example.org/a/b.git'])
    const forwarding = await stack.addGateway({ SLUICE_FORWARDED_HEADER: 'forwarded' })
    const Forwarded = 'for=192.0.2.9;host=evil.example, for=192.0.2.8;host="code.example.org:8443";proto=https'
    assert.deepEqual(await tagsAt(forwarding.address, '/a/b?go-get=1', { ...told, Forwarded }), [
      'code.example.org:8443/a/b git https://code.example.org:8443/a/b.git',
    ])
    const { address } = await stack.addGateway({ SLUICE_TRUSTED_PROXIES: '192.0.2.1' })
    const untrusted = await tagsAt(address, '/a/b?go-get=1', told)
    assert.deepEqual(untrusted, ['git.example.org/a/b git http://git.example.org/a/b.git'])
  })

  test('has the public address, for the name that was asked and for the public one', async () => {
    const { address } = await stack.addGateway({ SLUICE_PUBLIC_URL: 'https://code.example.org' })
    assert.deepEqual(await tagsAt(address, '/a/b?go-get=1'), [
      'git.example.org/a/b git https://code.example.org/a/b.git',
      'code.example.org/a/b git https://code.example.org/a/b.git',
    ])
    const below = await stack.addGateway({ SLUICE_PUBLIC_URL: 'https://example.org/git/' })
    const tags = await tagsAt(below.address, '/a/b?go-get=1')
    assert.ok(tags.includes('example.org/git/a/b git https://example.org/git/a/b.git'), tags.join())
  })

  test('is for import paths only', async () => {
    for (const path of ['/?go-get=1', '/a%22%3E%3Cscript%3E?go-get=1', '/a%20b?go-get=1', '/%C3%BC?go-get=1']) {
      const reply = await ask(stack.gateway.address, path)
      assert.deepEqual([reply.status, reply.headers['sluice-reason']], [404, 'not_a_git_address'], path)
    }
    for (const path of ['/a/../b?go-get=1', '/-x?go-get=1']) {
      assert.equal((await ask(stack.gateway.address, path)).status, 400, path)
    }
    assert.equal((await ask(stack.gateway.address, '/a?go-get=0')).status, 404)
    assert.equal((await ask(stack.gateway.address, '/a?go-get=1', { method: 'POST' })).status, 404)
  })

  test('contains no invalid host', async () => {
    const { address } = await stack.addGateway({ SLUICE_HOST_NAMES: 'any' })
    for (const host of ['a"><script>', "a'b", '$(id)', 'a;b', 'a`b`', 'a&b', 'a/b', 'a@b', '[::1', 'a b']) {
      const reply = await sendRaw(address, `GET /a/b?go-get=1 HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      assert.match(reply, /^HTTP\/1\.1 (400|200) /, host)
      if (reply.startsWith('HTTP/1.1 200')) assert.doesNotMatch(reply, new RegExp(`content="[^"]*[^\\w.:/ []`), host)
      else assert.match(reply, /text\/plain/)
    }
  })

  test('is the same whether or not the repository exists, and whoever asks', async () => {
    await git(stack.root, ['init', '--quiet', '--bare', 'there.git'])
    const { address } = await stack.addGateway({
      SLUICE_ACCESS: 'forward',
      SLUICE_ACCESS_SERVICE: 'http://127.0.0.1:1/',
    })
    const bodies = ['there', 'gone'].map(async (name) => {
      const { status, body } = await ask(address, `/${name}?go-get=1`, { headers: { Host: 'git.example.org' } })
      return [status, body.replaceAll(name, 'NAME')]
    })
    const [there, gone] = await Promise.all(bodies)
    assert.deepEqual(there, gone)
    assert.equal(there?.[0], 200)
  })
})

describe('go itself', { skip: noGo }, () => {
  /** Go asks port 80. A proxy leads it to another port. */
  async function goGet(address: string, name: string, packages: string[]) {
    const folder = join(stack.folder, name)
    await mkdir(folder)
    await writeFile(join(folder, 'go.mod'), 'module example.org/user\n\ngo 1.19\n')
    return await run('go', ['get', ...packages], {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        GOPATH: join(folder, 'go'),
        GOCACHE: join(stack.folder, 'cache'),
        GOPROXY: 'direct',
        GOSUMDB: 'off',
        GOINSECURE: 'git.example.org',
        GOFLAGS: '-modcacherw',
        GOTOOLCHAIN: 'local',
        GIT_TERMINAL_PROMPT: '0',
        GIT_CONFIG_NOSYSTEM: '1',
        http_proxy: `http://${address}`,
        https_proxy: `http://${address}`,
      },
    })
  }

  async function addModule(repository: string, files: Record<string, string>, tags: string[]): Promise<void> {
    await git(stack.root, ['init', '--quiet', '--bare', repository])
    const work = join(stack.folder, repository.replaceAll('/', '-'))
    await mkdir(work)
    await git(work, ['init', '--quiet'])
    for (const [file, text] of Object.entries(files)) {
      await mkdir(join(work, file, '..'), { recursive: true })
      await writeFile(join(work, file), text)
    }
    await git(work, ['add', '.'])
    await git(work, ['commit', '--quiet', '-m', 'First'])
    for (const tag of tags) await git(work, ['tag', tag])
    await git(work, ['push', '--quiet', `${stack.url}/${repository}`, 'main', ...tags])
  }

  before(async () => {
    const plain = { 'sub/pkg/pkg.go': 'package pkg\n', 'root.go': 'package root\n' }
    await addModule('team/one.git', { ...plain, 'go.mod': 'module git.example.org/team/one\n' }, ['v1.2.3'])
    await addModule('team/two.git', { ...plain, 'go.mod': 'module git.example.org/team/two/v2\n' }, ['v2.0.1'])
    await addModule('team/ending.git', { ...plain, 'go.mod': 'module git.example.org/team/ending.git\n' }, ['v0.1.0'])
    await addModule(
      'team/many.git',
      {
        ...plain,
        'go.mod': 'module git.example.org/team/many\n',
        'in/go.mod': 'module git.example.org/team/many/in\n',
        'in/in.go': 'package in\n',
      },
      ['v1.0.0', 'in/v1.5.0'],
    )
  })

  test('gets modules, packages in them, major versions and names with .git', async () => {
    const { stderr } = await goGet(stack.gateway.address, 'first', [
      'git.example.org/team/one/sub/pkg',
      'git.example.org/team/two/v2/sub/pkg',
      'git.example.org/team/ending.git/sub/pkg',
      'git.example.org/team/many',
    ])
    for (const module of ['team/one v1.2.3', 'team/two/v2 v2.0.1', 'team/ending.git v0.1.0', 'team/many v1.0.0']) {
      assert.match(stderr, new RegExp(`added git.example.org/${module.replaceAll('.', '\\.')}`))
    }
  })

  test('gets modules in folders if the number of parts is set', async () => {
    const { address } = await stack.addGateway({ SLUICE_GO_REPOSITORY_PARTS: '2' })
    const { stderr } = await goGet(address, 'second', ['git.example.org/team/many/in', 'git.example.org/team/two/v2'])
    assert.match(stderr, /added git\.example\.org\/team\/many\/in v1\.5\.0/)
    assert.match(stderr, /added git\.example\.org\/team\/two\/v2 v2\.0\.1/)
  })

  test('says that there is no repository', async () => {
    await assert.rejects(goGet(stack.gateway.address, 'third', ['git.example.org/team/none']), /not found/i)
  })
})
