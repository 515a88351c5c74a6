import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { git, importHistory, packOf, tryGit } from '@sluice/shared/testing/git'
import { ask, target } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** A first push creates its repository, and nothing creates it before. A push that changes nothing leaves nothing. */

const nobody = '0'.repeat(40)
const pushType = { 'Content-Type': 'application/x-git-receive-pack-request' }
const advertisement = 'info/refs?service=git-receive-pack'

type Source = { readonly work: string; readonly id: string; readonly pack: Buffer }

/** A work tree with three commits on main, the id of the last one, and a pack with all of it. */
async function sourceIn(folder: string, format: 'sha1' | 'sha256' = 'sha1'): Promise<Source> {
  const work = join(folder, `source-${format}`)
  await git(folder, ['init', '--quiet', `--object-format=${format}`, work])
  await importHistory(work, 3)
  await git(work, ['reset', '--quiet', '--hard', 'main'])
  const id = await git(work, ['rev-parse', 'main'])
  return { work, id, pack: await packOf(work, `${id}\n`) }
}

function pushOf(commands: readonly string[], pack: Buffer | string = '', features = 'report-status'): Buffer {
  const lines = commands.map((command, index) => pktLine(index === 0 ? `${command}\0 ${features}` : command))
  return Buffer.concat([Buffer.from(lines.join('') + flushPacket), Buffer.from(pack)])
}

/** The paths of everything below the root. */
async function allIn(stack: Stack): Promise<string[]> {
  return (await readdir(stack.root, { recursive: true })).toSorted()
}

/** Sends all but the last hundred bytes of a push, and waits until its repository is there. */
async function beginPush(stack: Stack, name: string, body: Buffer): Promise<Socket> {
  // A gateway passes on nothing of a push as small as this before it has all of it.
  const socket = connect(target(stack.supervisor.address))
  socket.on('error', () => {})
  const head = [
    `POST /${name}/git-receive-pack HTTP/1.1`,
    'Host: 127.0.0.1',
    'Content-Type: application/x-git-receive-pack-request',
    `Content-Length: ${body.length}`,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  socket.write(body.subarray(0, -100))
  await until('the repository', () => existsSync(join(stack.root, name)))
  return socket
}

async function noteFiles(stack: Stack): Promise<string[]> {
  return readdir(join(stack.folder, 'run/created'))
}

describe('a name without a repository', () => {
  let stack: Stack
  let source: Source
  before(async () => {
    stack = await startStack({
      SLUICE_PROTECTED_REFS: 'guarded/**:refs/heads/main=nobody',
      SLUICE_MAX_PUSH: 'small/**=100B',
    })
    source = await sourceIn(stack.folder)
  })
  after(() => stack[Symbol.asyncDispose]())

  const post = (name: string, body: Buffer | string) =>
    ask(stack.gateway.address, `/${name}/git-receive-pack`, {
      method: 'POST',
      headers: pushType,
      body: Buffer.from(body),
    })

  test('is shown as an empty repository to a client that pushes, in each protocol version, and logged as absent', async () => {
    for (const version of ['0', '1', '2']) {
      const headers = { 'Git-Protocol': `version=${version}` }
      const shown = await ask(stack.gateway.address, `/looked-at.git/${advertisement}`, { headers })
      assert.equal(shown.status, 200)
      assert.match(shown.body, /0{40} capabilities\^\{\}\0.*report-status.*object-format=sha1/)
      assert.equal(/version 1\n/.test(shown.body), version === '1')
    }
    await until('the line', () => stack.supervisor.lines.find(({ absent }) => absent === true))
    assert.deepEqual(await allIn(stack), [])
  })

  test('stays without one after --dry-run, a fetch, and a probe', async () => {
    const url = `${stack.url}/team/dry.git`
    await git(source.work, ['push', '--quiet', '--dry-run', url, 'main'])
    assert.match((await tryGit(source.work, ['fetch', url])).stderr, /not found/)
    assert.equal((await post('team/dry.git', flushPacket)).status, 200)
    assert.equal((await ask(stack.gateway.address, '/team/dry.git/info/refs?service=git-upload-pack')).status, 404)
    assert.deepEqual(await allIn(stack), [])
  })

  const idle = [
    { what: 'a deletion', body: () => pushOf([`${'1'.repeat(40)} ${nobody} refs/heads/main`]) },
    { what: 'an update', body: () => pushOf([`${'1'.repeat(40)} ${'2'.repeat(40)} refs/heads/main`], source.pack) },
    { what: 'a deletion of nothing', body: () => pushOf([`${nobody} ${nobody} refs/heads/main`]) },
    { what: 'no reference’s name', body: () => pushOf([`${nobody} ${source.id} main`], source.pack) },
    { what: 'ids of SHA-256', body: () => pushOf([`${'0'.repeat(64)} ${'1'.repeat(64)} refs/heads/main`]) },
    { what: 'a line that is no command', body: () => pushOf(['hello']) },
    { what: 'flush packets', body: () => '00000000' },
    { what: 'a broken length', body: () => '0094000000' },
    { what: 'nothing', body: () => '' },
    { what: 'no pkt-line', body: () => 'PACK' },
  ]
  for (const { what, body } of idle) {
    test(`a POST with ${what} creates nothing`, async () => {
      const reply = await post('posted.git', body())
      assert.ok(reply.status === 404 || reply.status === 400, `${reply.status} ${reply.body}`)
      assert.deepEqual(await allIn(stack), [])
    })
  }

  const vain = [
    { what: 'without a pack', name: 'vain.git', body: () => pushOf([`${nobody} ${source.id} refs/heads/main`]) },
    {
      what: 'with a broken pack',
      name: 'team/new/vain.git',
      body: () => pushOf([`${nobody} ${source.id} refs/heads/main`], source.pack.subarray(0, -8)),
    },
    {
      what: 'of an object that is not there',
      name: 'team/vain',
      body: () => pushOf([`${nobody} ${'1'.repeat(40)} refs/heads/main`], source.pack),
    },
    {
      what: 'to a protected reference',
      name: 'guarded/vain.git',
      body: () => pushOf([`${nobody} ${source.id} refs/heads/main`], source.pack),
    },
    {
      what: 'that is too large',
      name: 'small/vain.git',
      body: () => pushOf([`${nobody} ${source.id} refs/heads/main`], source.pack),
    },
    {
      what: 'of references that git refuses one by one, with their objects',
      name: 'refused.git',
      body: () => pushOf([`${nobody} ${source.id} refs/heads/${'n'.repeat(300)}`], source.pack),
    },
  ]
  for (const { what, name, body } of vain) {
    test(`a push ${what} leaves nothing`, async () => {
      const reply = await post(name, body())
      assert.match(reply.body, /unpack (?!ok)|ng refs\//)
      assert.deepEqual(await allIn(stack), [])
      const line = await stack.supervisor.line(({ created, repository }) => created === true && repository === name)
      assert.equal(line['takenBack'], true)
      assert.deepEqual(await noteFiles(stack), [])
    })
  }

  test('a push that is cut leaves nothing', async () => {
    const body = pushOf([`${nobody} ${source.id} refs/heads/main`], source.pack)
    const socket = await beginPush(stack, 'cut/off.git', body)
    socket.destroy()
    await stack.supervisor.line(({ takenBack, repository }) => takenBack === true && repository === 'cut/off.git')
    assert.deepEqual(await allIn(stack), [])
  })

  const others = [
    { what: 'configuration', put: (bare: string) => git(bare, ['config', 'some.thing', 'true']) },
    { what: 'a reference', put: (bare: string) => git(bare, ['symbolic-ref', 'refs/heads/a', 'refs/heads/b']) },
    { what: 'an object', put: (bare: string) => git(bare, ['hash-object', '-w', '--stdin'], { input: 'theirs' }) },
    { what: 'a file', put: (bare: string) => writeFile(join(bare, 'refs/heads/note'), '') },
    { what: 'an alternate', put: (bare: string) => writeFile(join(bare, 'objects/info/alternates'), '/somewhere\n') },
    { what: 'HEAD', put: (bare: string) => git(bare, ['symbolic-ref', 'HEAD', 'refs/heads/other']) },
    { what: 'a hook', put: (bare: string) => mkdir(join(bare, 'hooks')) },
  ]
  for (const [index, { what, put }] of others.entries()) {
    test(`a repository is kept if somebody has put ${what} into it meanwhile`, async () => {
      const name = `kept/on-${index}.git`
      const bare = join(stack.root, name)
      const socket = await beginPush(stack, name, pushOf([`${nobody} ${source.id} refs/heads/main`], source.pack))
      await put(bare)
      const theirs = await allIn(stack)
      socket.destroy()
      await stack.supervisor.line(({ created, repository }) => created === true && repository === name)
      const now = await allIn(stack)
      const gone = theirs.filter((path) => !now.includes(path) && !/tmp_|incoming-/.test(path))
      assert.deepEqual(gone, [])
      assert.deepEqual(await noteFiles(stack), [])
      await rm(join(stack.root, 'kept'), { recursive: true })
    })
  }

  test('an object of another program’s is kept, also beside those of a push whose references are refused', async () => {
    const body = pushOf([`${nobody} ${source.id} refs/heads/${'n'.repeat(300)}`], source.pack)
    const socket = await beginPush(stack, 'shared.git', body)
    await git(join(stack.root, 'shared.git'), ['hash-object', '-w', '--stdin'], { input: 'theirs' })
    socket.end(body.subarray(-100))
    const line = await stack.supervisor.line(
      ({ created, repository }) => created === true && repository === 'shared.git',
    )
    assert.equal(line['takenBack'], undefined)
    await rm(join(stack.root, 'shared.git'), { recursive: true })
  })

  test('is created by the last of several pushes if the others fail', async () => {
    const bad = () => post('mixed.git', pushOf([`${nobody} ${source.id} refs/heads/bad`], source.pack.subarray(0, -8)))
    const good = () => git(source.work, ['push', '--quiet', `${stack.url}/mixed`, 'main:refs/heads/good'])
    for (let round = 0; round < 5; round++) {
      await Promise.all([bad(), good(), bad(), bad()])
      const refs = await git(join(stack.root, 'mixed.git'), ['for-each-ref', '--format=%(refname)'])
      assert.equal(refs, 'refs/heads/good')
      await rm(join(stack.root, 'mixed.git'), { recursive: true })
    }
    await Promise.all([bad(), bad(), bad(), bad()])
    assert.deepEqual(await allIn(stack), [])
  })

  test('when good, bad and cut pushes come at once, everything that was acknowledged is there, and nothing else', async () => {
    const names = ['mess/a', 'mess/a.git', 'mess/deep/er/b.git', 'mess/deep/c', 'mess/deep/er/d']
    const commands = (branch: string) => [`${nobody} ${source.id} refs/heads/${branch}`]
    const headers = { ...pushType }
    for (let round = 0; round < 3; round++) {
      const acknowledged: { name: string; branch: string }[] = []
      const pushes = Array.from({ length: 40 }, async (_, index) => {
        // Some names get only bad pushes.
        const name = names[index % names.length]!
        const kind = index % names.length >= 3 ? index % 2 : (index * 7 + round) % 3
        const branch = `b${index}`
        if (kind === 0) await post(name, pushOf(commands(branch), source.pack.subarray(0, -8)))
        else if (kind === 1) {
          const controller = new AbortController()
          const path = `/${name}/git-receive-pack`
          const sent = fetch(`${stack.url}${path}`, {
            method: 'POST',
            headers,
            body: pushOf(commands(branch), source.pack.subarray(0, -8)),
            signal: controller.signal,
          })
          setImmediate(() => controller.abort())
          await sent.then((reply) => reply.text()).catch(() => {})
        } else {
          const { body } = await post(name, pushOf(commands(branch), source.pack))
          if (body.includes(`ok refs/heads/${branch}`)) acknowledged.push({ name, branch })
        }
      })
      await Promise.all(pushes)
      await until('the host to be quiet', async () => (await stack.status()).requestsInAll === 0)
      for (const { name, branch } of acknowledged) {
        const bare = join(stack.root, name.endsWith('.git') ? name : `${name}.git`)
        assert.equal(await git(bare, ['rev-parse', `refs/heads/${branch}`]), source.id)
        assert.equal(await git(bare, ['rev-parse', 'HEAD']), source.id)
      }
      const expected = new Set(acknowledged.map(({ name }) => (name.endsWith('.git') ? name : `${name}.git`)))
      assert.ok(expected.size > 0)
      const left = (await allIn(stack)).filter((path) => /\.git$|\.lock$/.test(path))
      assert.deepEqual(new Set(left), expected)
      assert.ok(!(await allIn(stack)).includes('mess/deep') || [...expected].some((name) => name.includes('deep')))
      assert.deepEqual(await noteFiles(stack), [])
      await rm(join(stack.root, 'mess'), { recursive: true })
    }
  })

  test('two spellings at once create one repository', async () => {
    const push = (name: string, branch: string) =>
      tryGit(source.work, ['push', '--quiet', `${stack.url}/${name}`, `main:refs/heads/${branch}`])
    const pushes = await Promise.all([push('spelt', 'a'), push('spelt.git', 'b'), push('spelt', 'c')])
    assert.deepEqual(
      pushes.map(({ code }) => code),
      [0, 0, 0],
      pushes.map(({ stderr }) => stderr).join(),
    )
    assert.equal((await git(join(stack.root, 'spelt.git'), ['for-each-ref'])).split('\n').length, 3)
    for (const name of ['spelt.git.git', 'spelt.GIT', 'other.git.git', 'other/.git', 'other.GIT']) {
      assert.match((await push(name, 'd')).stderr, /cannot be created/, name)
    }
    // A repository with a work tree has the same plain name.
    await git(stack.root, ['init', '--quiet', 'tree'])
    assert.match((await push('tree.git', 'd')).stderr, /differs in "\.git" only/)
    assert.deepEqual((await readdir(stack.root)).toSorted(), ['spelt.git', 'tree'])
  })

  test('may be as long as names may be', async () => {
    const long = `${'é'.repeat(119)}x`
    for (const name of [
      'n'.repeat(240),
      long,
      `${'n'.repeat(236)}.git`,
      'n'.repeat(210),
      `${'d'.repeat(240)}/${long}`,
    ]) {
      const { code, stderr } = await tryGit(source.work, ['push', '--quiet', `${stack.url}/${encodeURI(name)}`, 'main'])
      assert.equal(code, 0, stderr)
      const listed = await git(stack.folder, ['ls-remote', `${stack.url}/${encodeURI(name)}`, 'main'])
      assert.equal(listed.split('\t')[0], source.id)
    }
    const known = await allIn(stack)
    // Up to the longest path, with what git needs below it.
    for (let length = 3400; length <= 4096; length += 40) {
      const name = `${'p'.repeat(200)}/`.repeat(20).slice(0, length - 1) + 'x'
      const { status } = await ask(stack.gateway.address, `/${name}/${advertisement}`)
      if (status === 200)
        assert.equal((await tryGit(source.work, ['push', `${stack.url}/${name}`, 'main'])).code, 0, name)
      else assert.equal(status, 414)
    }
    assert.ok((await allIn(stack)).every((name) => known.includes(name) || name.startsWith('pppp')))
    assert.deepEqual(
      (await allIn(stack)).filter((name) => name.endsWith('.lock')),
      [],
    )
  })

  test('is refused if something else is in the way, even a link that leads nowhere', async () => {
    await symlink('/nowhere', join(stack.root, 'dangling'))
    await symlink('/nowhere', join(stack.root, 'pointing.git'))
    await writeFile(join(stack.root, 'file'), '')
    for (const name of ['dangling/x.git', 'pointing', 'file/x']) {
      assert.equal((await ask(stack.gateway.address, `/${name}/${advertisement}`)).status, 409, name)
      assert.equal(
        (await post(name, pushOf([`${nobody} ${source.id} refs/heads/main`], source.pack))).status,
        409,
        name,
      )
    }
  })
})

test('a host that does not create repositories, and a user who may not, get 404 for all of it', async () => {
  await using stack = await startStack({ SLUICE_CREATE_ON_PUSH: 'off' })
  const source = await sourceIn(stack.folder)
  const body = pushOf([`${nobody} ${source.id} refs/heads/main`], source.pack)
  const pushTo = (address: string, headers: Record<string, string> = {}) =>
    ask(address, '/new.git/git-receive-pack', { method: 'POST', headers: { ...pushType, ...headers }, body })
  assert.equal((await ask(stack.gateway.address, `/new.git/${advertisement}`)).status, 404)
  assert.equal((await pushTo(stack.gateway.address)).status, 404)

  await using other = await startStack()
  const direct = `unix:${join(other.folder, 'supervisor.sock')}`
  for (const refused of [
    await pushTo(direct, { 'Sluice-May-Create': 'no' }),
    await ask(direct, `/new.git/${advertisement}`, { headers: { 'Sluice-May-Create': 'no' } }),
    await ask(direct, '/new.git/git-receive-pack', {
      method: 'POST',
      headers: { ...pushType, 'Sluice-May-Create': 'no' },
      body: flushPacket,
    }),
  ]) {
    assert.equal(refused.status, 404)
  }
  assert.deepEqual(await readdir(other.root), [])
  assert.equal((await pushTo(direct)).status, 200)
  assert.deepEqual(await readdir(other.root), ['new.git'])
})

for (const format of ['sha1', 'sha256'] as const) {
  test(`repositories are created for ${format}, and a client with the other format leaves nothing`, async () => {
    await using stack = await startStack({ SLUICE_DEFAULT_OBJECT_FORMAT: format })
    const [fits, other] = format === 'sha1' ? (['sha1', 'sha256'] as const) : (['sha256', 'sha1'] as const)
    const source = await sourceIn(stack.folder, fits)
    const stranger = await sourceIn(stack.folder, other)
    assert.notEqual((await tryGit(stranger.work, ['push', `${stack.url}/new`, 'main'])).code, 0)
    assert.deepEqual(await readdir(stack.root), [])
    for (const version of [0, 1, 2]) {
      const push = ['-c', `protocol.version=${version}`, 'push', '--quiet']
      await git(source.work, [...push, `${stack.url}/v${version}`, 'main:refs/heads/trunk'])
      const bare = join(stack.root, `v${version}.git`)
      assert.equal(await git(bare, ['rev-parse', '--show-object-format']), fits)
      assert.equal(await git(bare, ['symbolic-ref', 'HEAD']), 'refs/heads/trunk')
      await git(bare, ['fsck', '--strict'])
    }
  })
}

test('the next supervisor removes repositories that a killed one had created in vain, and nothing else', async () => {
  await using stack = await startStack()
  const source = await sourceIn(stack.folder)
  const body = pushOf([`${nobody} ${source.id} refs/heads/main`], source.pack)
  await beginPush(stack, 'team/vain.git', body)
  await beginPush(stack, 'team/used/vain.git', body)
  await git(join(stack.root, 'team/used/vain.git'), ['config', 'some.thing', 'true'])
  // Its references had moved, but no client had been told.
  const moved = join(stack.root, 'moved.git')
  await git(source.work, ['push', '--quiet', `${stack.url}/moved.git`, 'main:refs/heads/trunk'])
  await git(moved, ['symbolic-ref', 'HEAD', 'refs/heads/main'])
  await writeFile(join(moved, 'sluice-head-is-a-guess'), '')
  await writeFile(
    join(stack.folder, 'run/created/other-note'),
    JSON.stringify({ target: moved, hidden: `${moved}.x.lock`, folders: [], made: { HEAD: '1 2 3 4' } }),
  )
  const unfinished = join(stack.root, 'half.git.00000000-0000-4000-8000-000000000000.lock')
  await mkdir(unfinished)
  await writeFile(
    join(stack.folder, 'run/created/note'),
    JSON.stringify({ target: join(stack.root, 'half.git'), hidden: unfinished, folders: [] }),
  )
  stack.supervisor.signal('SIGKILL')
  await stack.supervisor.exited
  await until('git to end', async () => (await stack.gitProcesses()).length === 0)
  await stack.restartSupervisor()
  assert.deepEqual((await readdir(stack.root)).toSorted(), ['moved.git', 'team'])
  assert.equal(await git(moved, ['symbolic-ref', 'HEAD']), 'refs/heads/trunk')
  assert.deepEqual(await readdir(join(stack.root, 'team')), ['used'])
  assert.match(await readFile(join(stack.root, 'team/used/vain.git/config'), 'utf8'), /thing = true/)
  assert.deepEqual(await noteFiles(stack), [])
})
