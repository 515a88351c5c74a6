import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { ask } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** Operators change repositories while clients use them. */

type Answer = { readonly status: number; readonly result: Record<string, unknown>; readonly reason: string | undefined }

/** A request to the administration. Of a reply of several lines, the last one counts. */
async function administer(stack: Stack, method: string, path: string, body?: unknown): Promise<Answer> {
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(text)) }
  const address = `unix:${join(stack.folder, 'run/administration.sock')}`
  const reply = await ask(address, `/-/${path}`, { method, headers, body: text })
  const last = JSON.parse(reply.body.trim().split('\n').at(-1)!) as Record<string, unknown>
  const error = last['error'] as { reason: string } | undefined
  return { status: reply.status, result: (last['result'] ?? last) as Record<string, unknown>, reason: error?.reason }
}

function named(name: string, kind = ''): string {
  return `repositories/${encodeURIComponent(name)}${kind && `/${kind}`}`
}

/** A work tree with some commits on main, which it pushes to a new repository. */
async function pushed(stack: Stack, name: string, commits = 3): Promise<string> {
  const work = join(stack.folder, `work-${name.replaceAll('/', '-')}`)
  await git(stack.folder, ['init', '--quiet', work])
  await importHistory(work, commits)
  await git(work, ['push', '--quiet', `${stack.url}/${name}`, 'main'])
  return work
}

async function commitOn(work: string, branch: string): Promise<string> {
  const id = await git(work, ['commit-tree', '-p', branch, '-m', 'One more', `${branch}^{tree}`])
  await git(work, ['update-ref', `refs/heads/${branch}`, id])
  return id
}

async function fsck(stack: Stack, folder: string): Promise<string> {
  const { code, stdout, stderr } = await tryGit(join(stack.root, folder), ['fsck', '--full', '--no-dangling'])
  return code === 0 && stderr === '' ? 'whole' : stdout + stderr
}

describe('the administration of repositories', () => {
  let stack: Stack
  before(async () => {
    stack = await startStack()
  })
  after(() => stack[Symbol.asyncDispose]())

  test('is open to the owner of its socket only', async () => {
    const { mode } = await stat(join(stack.folder, 'run/administration.sock'))
    assert.equal(mode & 0o777, 0o600)
  })

  test('creates a repository that can be pushed to, and not twice', async () => {
    const wanted = { name: 'made/by hand', head: 'trunk', description: 'Made by hand' }
    assert.equal((await administer(stack, 'POST', 'repositories', wanted)).status, 201)
    assert.equal((await administer(stack, 'POST', 'repositories', wanted)).reason, 'repository_exists')
    const { result } = await administer(stack, 'GET', named('made/by hand'))
    const { head, description, objectFormat, readOnly } = result
    assert.deepEqual([head, description, objectFormat, readOnly], ['trunk', 'Made by hand', 'sha1', null])
    const work = await pushed(stack, 'elsewhere')
    await git(work, ['push', '--quiet', `${stack.url}/made/by%20hand`, 'main:trunk'])
    const list = await git(stack.folder, ['ls-remote', '--symref', `${stack.url}/made/by%20hand`, 'HEAD'])
    assert.match(list, /^ref: refs\/heads\/trunk/)
  })

  test('of several requests for one name, one creates it', async () => {
    const create = () => administer(stack, 'POST', 'repositories', { name: 'race' })
    const answers = await Promise.all([create(), create(), create(), create()])
    const statuses = answers.map(({ status }) => status).toSorted((one, other) => one - other)
    assert.deepEqual(statuses, [201, 409, 409, 409])
    assert.deepEqual(
      (await readdir(stack.root)).filter((entry) => entry.startsWith('race')),
      ['race.git'],
    )
  })

  test('says what is wrong with a request, and changes nothing', async () => {
    const earlier = await readdir(stack.root, { recursive: true })
    const wrong: [method: string, path: string, body: unknown, status: number][] = [
      ['GET', 'nothing', undefined, 404],
      ['GET', 'repositories/', undefined, 404],
      ['PUT', 'repositories', undefined, 405],
      ['GET', named('race', 'gc'), undefined, 405],
      ['GET', named('race', 'toString'), undefined, 404],
      ['GET', named('no such'), undefined, 404],
      ['GET', 'repositories/%zz', undefined, 400],
      ['GET', 'repositories/..%2Fx', undefined, 400],
      ['GET', named('.sluice-trash.lock/x'), undefined, 400],
      ['POST', 'repositories', { name: 'a.lock' }, 400],
      ['POST', 'repositories', { name: '-x' }, 400],
      ['POST', 'repositories', { name: 'race.git/inside' }, 409],
      ['POST', 'repositories', { name: 'x', head: '../y' }, 400],
      ['POST', 'repositories', { name: 'x', description: 'two\nlines' }, 400],
      ['POST', 'repositories', { name: 'x', surprise: true }, 400],
      ['POST', 'repositories', [], 400],
      ['POST', 'repositories', { name: 'x'.repeat(70_000) }, 413],
      ['POST', named('race', 'rename'), { to: 'race.git' }, 400],
      ['POST', named('race', 'rename'), {}, 400],
      ['POST', named('race', 'readonly'), { on: false, message: 'x' }, 400],
      ['POST', named('race', 'readonly'), { on: true, message: 'yes' }, 400],
      ['POST', 'trash/..%2F..%2Frace.git/restore', {}, 404],
      ['DELETE', 'trash/20200101T000000Z-00000000', undefined, 404],
    ]
    for (const [method, path, body, status] of wrong) {
      assert.equal((await administer(stack, method, path, body)).status, status, `${method} ${path}`)
    }
    assert.deepEqual(await readdir(stack.root, { recursive: true }), earlier)
  })

  test('a fork keeps its objects whatever is done to its origin, and hides what that hides', async () => {
    const work = await pushed(stack, 'origin')
    const origin = join(stack.root, 'origin.git')
    const secret = await commitOn(work, 'main')
    await git(work, ['push', '--quiet', `${stack.url}/origin`, 'main:refs/hidden/it', 'main~1:refs/tags/v1'])
    await git(origin, ['config', 'transfer.hideRefs', 'refs/hidden'])
    const forked = await administer(stack, 'POST', named('origin', 'fork'), { to: 'team/fork' })
    assert.deepEqual([forked.status, forked.result['borrows']], [201, true])
    const fork = join(stack.root, 'team/fork.git')
    assert.deepEqual((await readdir(join(fork, 'objects'))).toSorted(), ['info', 'pack'])
    assert.deepEqual((await git(fork, ['for-each-ref', '--format=%(refname)'])).split('\n'), [
      'refs/heads/main',
      'refs/tags/v1',
    ])
    // Another commit is in the origin and not in the fork: a push to the fork is told that it need not be sent.
    const later = await git(work, ['commit-tree', '-p', 'main~1', '-m', 'Later', 'main^{tree}'])
    await git(work, ['push', '--quiet', `${stack.url}/origin`, `${later}:refs/heads/later`])
    const { body } = await ask(stack.gateway.address, '/team/fork/info/refs?service=git-receive-pack')
    assert.match(body, new RegExp(`${later} \\.have`))
    assert.doesNotMatch(body, new RegExp(secret))
    // Everything that could lose the objects, by clients and by an operator's own hand.
    await git(work, ['push', '--quiet', '--force', `${stack.url}/origin`, 'main~2:refs/heads/main', ':v1', ':later'])
    for (const args of ['gc --prune=now', 'repack -adf', 'prune --expire=now', 'repack -ad --cruft']) {
      await tryGit(origin, args.split(' '))
    }
    assert.equal((await administer(stack, 'POST', named('origin', 'gc'))).reason, undefined)
    assert.equal(await fsck(stack, 'team/fork.git'), 'whole')
    await git(stack.folder, ['clone', '--quiet', '--branch=v1', `${stack.url}/team/fork`, 'clone-of-fork'])
    assert.equal((await administer(stack, 'DELETE', named('origin'))).reason, 'repository_lends')
  })

  test('a rename takes forks along, and the forks of forks', async () => {
    await administer(stack, 'POST', named('team/fork', 'fork'), { to: 'team/fork of fork' })
    const renamed = await administer(stack, 'POST', named('origin', 'rename'), { to: 'far/away/origin' })
    assert.deepEqual(renamed.result['borrowers'], ['team/fork', 'team/fork of fork'])
    await administer(stack, 'POST', named('team/fork', 'rename'), { to: 'fork' })
    for (const name of ['fork.git', 'team/fork of fork.git']) {
      assert.equal(await fsck(stack, name), 'whole')
      await git(stack.folder, ['ls-remote', `${stack.url}/${encodeURI(name)}`])
    }
    assert.equal(existsSync(join(stack.root, 'origin.git')), false)
    const { code } = await tryGit(stack.folder, ['ls-remote', `${stack.url}/origin`])
    assert.notEqual(code, 0)
  })

  test('an independent fork has objects of its own', async () => {
    const { result } = await administer(stack, 'POST', named('fork', 'fork'), { to: 'alone', independent: true })
    assert.equal(result['borrows'], false)
    assert.equal(existsSync(join(stack.root, 'alone.git/objects/info/alternates')), false)
    assert.equal(await fsck(stack, 'alone.git'), 'whole')
    assert.equal(await git(join(stack.root, 'alone.git'), ['symbolic-ref', 'HEAD']), 'refs/heads/main')
  })

  test('a rename waits for the push that runs, and lets no other begin', async () => {
    const work = await pushed(stack, 'busy')
    const release = join(stack.folder, 'release')
    await writeHook(
      join(stack.root, 'busy.git'),
      'pre-receive',
      `touch ${release}.awaited; while [ ! -e ${release} ]; do sleep 0.05; done`,
    )
    const id = await commitOn(work, 'main')
    const push = git(work, ['push', '--quiet', `${stack.url}/busy`, 'main'])
    await until('the push to run', () => existsSync(`${release}.awaited`))
    let isRenamed = false
    const renaming = administer(stack, 'POST', named('busy', 'rename'), { to: 'idle' }).finally(
      () => (isRenamed = true),
    )
    const refused = await until('a refusal', async () => {
      const { code, stderr } = await tryGit(stack.folder, ['ls-remote', `${stack.url}/busy`])
      return code === 0 ? undefined : stderr
    })
    assert.match(refused, /being renamed or deleted at the moment/)
    assert.equal((await administer(stack, 'DELETE', named('busy'))).reason, 'repository_busy')
    assert.equal(isRenamed, false)
    await writeFile(release, '')
    await push
    assert.equal((await renaming).status, 200)
    assert.equal(await git(join(stack.root, 'idle.git'), ['rev-parse', 'main']), id)
  })

  test('what is deleted can be restored, until it is purged', async () => {
    await pushed(stack, 'group/short-lived')
    const { result } = await administer(stack, 'DELETE', named('group/short-lived.git'))
    const id = String(result['id'])
    assert.ok(Date.parse(String(result['keptUntil'])) > Date.now())
    assert.equal(existsSync(join(stack.root, 'group')), false)
    assert.notEqual((await tryGit(stack.folder, ['ls-remote', `${stack.url}/group/short-lived`])).code, 0)
    await administer(stack, 'POST', 'repositories', { name: 'group/short-lived' })
    assert.equal((await administer(stack, 'POST', `trash/${id}/restore`, {})).reason, 'repository_exists')
    assert.equal((await administer(stack, 'POST', `trash/${id}/restore`, { to: 'again' })).status, 200)
    await git(stack.folder, ['clone', '--quiet', `${stack.url}/again`])
    assert.deepEqual((await administer(stack, 'GET', 'trash')).result, { trash: [], unasked: [] })
    const again = await administer(stack, 'DELETE', named('again'))
    assert.equal((await administer(stack, 'DELETE', `trash/${String(again.result['id'])}`)).status, 200)
    assert.equal(existsSync(join(stack.root, '.sluice-trash.lock')), false)
  })

  test('gc packs, fsck finds what is broken, and both say how far they are', async () => {
    await pushed(stack, 'heap', 30)
    const { result } = await administer(stack, 'POST', named('heap', 'gc'))
    const [earlier, later] = [result['before'], result['after']] as { looseObjects: number; packs: number }[]
    assert.ok(earlier!.looseObjects > 50)
    assert.deepEqual([later!.looseObjects, later!.packs], [0, 1])
    const sound = await administer(stack, 'POST', named('heap', 'fsck'))
    assert.equal(sound.result['isSound'], true)
    await mkdir(join(stack.root, 'heap.git/refs/heads/x'))
    await writeFile(join(stack.root, 'heap.git/refs/heads/x/broken'), `${'1'.repeat(40)}\n`)
    const broken = await administer(stack, 'POST', named('heap', 'fsck'))
    assert.equal(broken.result['isSound'], false)
    assert.match(String(broken.result['problems']), /refs\/heads\/x\/broken/)
  })

  test('the default branch, and whether it takes pushes, can be changed', async () => {
    const work = await pushed(stack, 'settings')
    await git(join(stack.root, 'settings.git'), ['branch', 'next', 'main'])
    assert.equal(
      (await administer(stack, 'POST', named('settings', 'head'), { branch: 'nxt' })).reason,
      'branch_missing',
    )
    assert.equal((await administer(stack, 'POST', named('settings', 'head'), { branch: 'next' })).status, 200)
    const symref = await git(stack.folder, ['ls-remote', '--symref', `${stack.url}/settings`, 'HEAD'])
    assert.match(symref, /^ref: refs\/heads\/next/)
    const message = 'Moved to "other/place" -- \\ ask Ann'
    await administer(stack, 'POST', named('settings', 'readonly'), { on: true, message })
    assert.equal(await git(join(stack.root, 'settings.git'), ['config', 'sluice.readOnly']), message)
    assert.equal((await administer(stack, 'GET', named('settings'))).result['readOnly'], message)
    const push = () => tryGit(work, ['push', `${stack.url}/settings`, 'main:refs/heads/more'])
    const refused = await push()
    assert.match(refused.stderr, /ask Ann/)
    await administer(stack, 'POST', named('settings', 'readonly'), { on: false })
    assert.equal((await push()).code, 0)
    assert.equal((await administer(stack, 'GET', named('settings'))).result['readOnly'], null)
  })

  test('each operation is logged and counted', async () => {
    const line = await stack.supervisor.line(({ operation, to }) => operation === 'rename' && to === 'far/away/origin')
    assert.equal(line['repository'], 'origin')
    const { body } = await ask(stack.supervisor.operations, '/metrics')
    assert.match(body, /sluice_administration_total\{[^}]*operation="rename",result="ok"[^}]*\} [1-9]/)
    assert.match(body, /sluice_administration_total\{[^}]*operation="delete",result="repository_lends"/)
  })
})

test('a host that is killed in the middle of a fork leaves nothing of it', async () => {
  await using folder = await temporaryFolder()
  const hangs = join(folder.path, 'git')
  await writeFile(hangs, '#!/bin/sh\ncase " $* " in *" fetch "*) exec sleep 600 ;; esac\nexec git "$@"\n', {
    mode: 0o755,
  })
  await using stack = await startStack({ SLUICE_GIT: hangs })
  await pushed(stack, 'origin')
  administer(stack, 'POST', named('origin', 'fork'), { to: 'new/fork' }).catch(() => {})
  await until('the fork to be begun', async () => {
    // A folder may go while they are read.
    const names = await readdir(stack.root, { recursive: true }).catch(() => [])
    return names.some((name) => /fork\.git\..*\.lock\/objects\/info\/alternates$/.test(name))
  })
  stack.supervisor.signal('SIGKILL')
  await stack.supervisor.exited
  await stack.restartSupervisor()
  assert.deepEqual(await readdir(stack.root), ['origin.git'])
})
