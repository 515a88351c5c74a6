import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { git, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { until } from '@sluice/shared/testing/until'
import { pathOf } from '../../src/lfs/storage/disk/object-paths.ts'
import { TwoHosts } from '../support/two-hosts.ts'

/** Renames and forks to names that another host keeps, whose disk is another one. */

let hosts: TwoHosts
let work: string

before(async () => {
  hosts = await TwoHosts.open()
  work = await hosts.makeWorkTree(200)
})

after(() => hosts[Symbol.asyncDispose]())

const at = (host: string, ...path: string[]) => join(hosts.folder, host, ...path)

type Answer = { readonly status: number; readonly body: string; readonly result: Record<string, unknown> }

async function ask(kind: 'rename' | 'fork', from: string, body: object, host = 'one'): Promise<Answer> {
  const path = `repositories/${encodeURIComponent(from)}/${kind}`
  const { status, body: said } = await hosts.administer(host, 'POST', path, body)
  const last = JSON.parse(said.trim().split('\n').at(-1)!) as { result?: Record<string, unknown> } & Record<
    string,
    unknown
  >
  return { status, body: said, result: last.result ?? last }
}

/** Only `two` keeps the new name, so nothing but a gift can bring anything there. */
async function placeApart(from: string, to: string): Promise<{ fromUrl: string; toUrl: string }> {
  const fromUrl = await hosts.placeAt(`${from}.git`, 'one', ['one'])
  return { fromUrl, toUrl: await hosts.placeAt(`${to}.git`, 'two', ['two']) }
}

test('a rename brings all that copies get to the other host, and leaves the old one in the trash', async () => {
  const { fromUrl, toUrl } = await placeApart('team/here', 'team/here/there')
  await git(work, [
    'push',
    '--quiet',
    fromUrl,
    'main',
    'main:refs/heads/topic',
    'main:refs/hidden/1',
    'main:refs/tags/v1',
  ])
  const old = at('one', 'team/here.git')
  await git(old, ['symbolic-ref', 'HEAD', 'refs/heads/topic'])
  await git(old, ['symbolic-ref', 'refs/heads/alias', 'refs/heads/main'])
  await git(old, ['config', 'transfer.hideRefs', 'refs/hidden'])
  await writeFile(join(old, 'description'), 'What it is\n')
  await writeHook(old, 'pre-receive', '#!/bin/sh\n')
  const object = Buffer.from('an object of LFS')
  const oid = hash('sha256', object)
  const sent = await fetch(`${fromUrl}/info/lfs/objects/${oid}`, { method: 'PUT', body: new Uint8Array(object) })
  assert.equal(sent.status, 200)
  const locked = await fetch(`${fromUrl}/info/lfs/locks`, {
    method: 'POST',
    headers: {
      'Accept': 'application/vnd.git-lfs+json',
      'Content-Type': 'application/vnd.git-lfs+json',
      'Sluice-User': 'ann',
    },
    body: JSON.stringify({ path: 'a.psd' }),
  })
  assert.equal(locked.status, 201)
  const locks = await readFile(join(old, 'lfs/locks.json'), 'utf8')
  const had = await hosts.stateAt('one', 'team/here.git')
  const { status, body, result } = await ask('rename', 'team/here', { to: 'team/here/there' })
  assert.equal(status, 200, body)
  const { trash, ...said } = result
  assert.deepEqual(said, {
    renamed: 'team/here',
    to: 'team/here/there',
    borrowers: [],
    host: 'two',
    notCopied: ['hooks/pre-receive'],
  })
  assert.match(body, /Receiving objects/)
  assert.doesNotMatch(body, /new branch|new tag/)
  assert.deepEqual(await hosts.stateAt('two', 'team/here/there.git'), had)
  assert.deepEqual(await readFile(pathOf(at('two', 'team/here/there.git'), oid)), object)
  assert.equal(await readFile(at('two', 'team/here/there.git/lfs/locks.json'), 'utf8'), locks)
  await git(at('two', 'team/here/there.git'), ['fsck', '--strict'])
  assert.equal(existsSync(old), false)
  assert.ok(existsSync(at('one', '.sluice-trash.lock', String(trash), 'repository/hooks/pre-receive')))
  const { trash: entries } = JSON.parse((await hosts.administer('two', 'GET', 'trash')).body) as { trash: object[] }
  assert.deepEqual(
    entries.map((entry) => ({ ...entry, deletedAt: '', keptUntil: '' })),
    [
      {
        id: trash,
        repository: 'team/here',
        deletedAt: '',
        keptUntil: '',
        isDropped: false,
        renamedTo: { name: 'team/here/there', host: 'two' },
        isHere: false,
        elsewhere: ['one'],
      },
    ],
  )
  await git(work, ['push', '--quiet', toUrl, 'main:after'])
})

test('the copies of both names follow a rename, of a repository with SHA-256', async () => {
  const url = await hosts.place('hashed.git')
  const other = join(hosts.folder, 'hashed')
  await git(hosts.folder, ['init', '--quiet', '--object-format=sha256', '--initial-branch=main', 'hashed'])
  await git(other, ['commit', '--quiet', '--allow-empty', '-m', 'first'])
  await hosts.administer('one', 'POST', 'repositories', { name: 'hashed', objectFormat: 'sha256' })
  await git(other, ['push', '--quiet', url, 'main'])
  const had = await hosts.stateAt('one', 'hashed.git')
  await hosts.place('digested.git', 'two')
  const { status, body, result } = await ask('rename', 'hashed', { to: 'digested' })
  assert.equal(status, 200, body)
  for (const host of ['one', 'two']) {
    assert.deepEqual(await hosts.stateAt(host, 'digested.git'), had)
    assert.equal(await hosts.stateAt(host, 'hashed.git'), undefined)
    const note = at(host, '.sluice-trash.lock', String(result['trash']), 'note.json')
    const { renamedTo } = JSON.parse(await readFile(note, 'utf8')) as { renamedTo: object }
    assert.deepEqual(renamedTo, { name: 'digested', host: 'two' })
  }
  await hosts.assertSame('digested.git', 'renamed')
})

test('a fork gets what clients see, and objects of its own', async () => {
  const { fromUrl } = await placeApart('origin', 'forked')
  await git(work, [
    'push',
    '--quiet',
    fromUrl,
    'main',
    'main:refs/heads/secret/1',
    'main~1:refs/other/1',
    'main:refs/tags/v1',
  ])
  await git(at('one', 'origin.git'), ['config', 'transfer.hideRefs', 'refs/heads/secret'])
  const { status, body, result } = await ask('fork', 'origin', { to: 'forked' })
  assert.ok(status < 300, body)
  assert.deepEqual(result, { forked: 'origin', to: 'forked', borrows: false, host: 'two' })
  const refs = await git(at('two', 'forked.git'), ['for-each-ref', '--format=%(refname)'])
  assert.deepEqual(refs.trim().split('\n'), ['refs/heads/main', 'refs/tags/v1'])
  assert.equal((await readFile(at('two', 'forked.git/HEAD'), 'utf8')).trim(), 'ref: refs/heads/main')
  assert.equal(existsSync(at('two', 'forked.git/objects/info/alternates')), false)
  await git(at('two', 'forked.git'), ['fsck', '--strict'])
  await git(work, ['push', '--quiet', fromUrl, 'main:still'])
})

test('a name that is taken, or that cannot be, is refused in words, and nothing is changed', async () => {
  const { fromUrl, toUrl } = await placeApart('mine', 'taken')
  await git(work, ['push', '--quiet', fromUrl, 'main'])
  await git(work, ['push', '--quiet', toUrl, 'main'])
  for (const kind of ['rename', 'fork'] as const) {
    const { body } = await ask(kind, 'mine', { to: 'taken' })
    assert.match(body, /repository_exists.*The host two says: There is a repository/)
    const wrong = await ask(kind, 'mine', { to: 'taken' }, 'two')
    assert.equal(wrong.status, 421)
    assert.match(wrong.body, /kept by the host one. Do this there/)
  }
  await git(work, ['push', '--quiet', fromUrl, 'main:more'])
})

test('a push that runs is brought along, and one that comes too late is refused in words', async () => {
  const { fromUrl, toUrl } = await placeApart('busy', 'quiet')
  await git(work, ['push', '--quiet', fromUrl, 'main'])
  const [asked, go] = [join(hosts.folder, 'push-runs'), join(hosts.folder, 'push-goes-on')]
  await writeHook(at('one', 'busy.git'), 'pre-receive', `: > ${asked}\nwhile [ ! -e ${go} ]; do sleep 0.05; done`)
  const pushing = git(work, ['push', '--quiet', fromUrl, 'main:late'])
  await until('the push to run', () => existsSync(asked))
  const renaming = ask('rename', 'busy', { to: 'quiet' })
  let refused = ''
  await until('pushes to be refused', async () => {
    const { stderr } = await tryGit(work, ['ls-remote', fromUrl])
    assert.equal(stderr, '')
    const reply = await fetch(`${fromUrl}/info/refs?service=git-receive-pack`)
    refused = await reply.text()
    return reply.status === 503
  })
  assert.match(refused, /moving to another host under a new name/)
  await writeFile(go, '')
  await pushing
  const { status, body } = await renaming
  assert.equal(status, 200, body)
  assert.match(await git(work, ['ls-remote', toUrl]), /refs\/heads\/late/)
  assert.equal(await hosts.stateAt('one', 'busy.git'), undefined)
  await rm(asked)
})

test('copies of the new name get what is uploaded and pushed while everything else is there already', async () => {
  const fromUrl = await hosts.placeAt('growing.git', 'one', ['one'])
  await hosts.place('grown.git', 'two')
  await git(work, ['push', '--quiet', fromUrl, 'main'])
  const texts = ['before', 'meanwhile']
  const oids = texts.map((text) => hash('sha256', text))
  const [first, last] = texts.map((text, index) => {
    const headers = { 'Content-Length': text.length }
    return request(`${fromUrl}/info/lfs/objects/${oids[index]}`, { method: 'PUT', headers })
  })
  first!.end(texts[0])
  assert.equal(((await once(first!, 'response')) as [IncomingMessage])[0].statusCode, 200)
  // It has come before pushes are refused, and is waited for.
  last!.write(texts[1]!.slice(0, 1))
  const hook = at('one', 'growing.git/hooks/pre-receive')
  await mkdir(join(hook, '..'), { recursive: true })
  const [asked, go] = [join(hosts.folder, 'grows'), join(hosts.folder, 'has-grown')]
  await writeFile(hook, `#!/bin/sh\n: > ${asked}\nwhile [ ! -e ${go} ]; do sleep 0.05; done\n`, { mode: 0o755 })
  const pushing = git(work, ['push', '--quiet', fromUrl, 'main:late'])
  await until('the push to run', () => existsSync(asked))
  const renaming = ask('rename', 'growing', { to: 'grown' })
  await until('the copy of the new name to have it', () => existsSync(at('one', 'grown.git')))
  last!.end(texts[1]!.slice(1))
  assert.equal(((await once(last!, 'response')) as [IncomingMessage])[0].statusCode, 200)
  await writeFile(go, '')
  await pushing
  const { status, body } = await renaming
  assert.equal(status, 200, body)
  await hosts.assertSame('grown.git', 'renamed')
  assert.match(await git(at('one', 'grown.git'), ['for-each-ref']), /refs\/heads\/late/)
  for (const host of ['one', 'two'])
    for (const oid of oids) assert.ok(existsSync(pathOf(at(host, 'grown.git'), oid)), host)
})

test('forks that borrow from what is renamed find their objects in the trash', async () => {
  const { fromUrl, toUrl } = await placeApart('lender', 'gone')
  await git(work, ['push', '--quiet', fromUrl, 'main'])
  const forkUrl = await hosts.placeAt('borrower.git', 'one', ['one'])
  assert.ok((await ask('fork', 'lender', { to: 'borrower' })).result['borrows'])
  const { body, result } = await ask('rename', 'lender', { to: 'gone' })
  assert.deepEqual(result['borrowers'], ['borrower'], body)
  await git(at('one', 'borrower.git'), ['fsck', '--strict'])
  await git(at('two', 'gone.git'), ['fsck', '--strict'])
  await git(work, ['push', '--quiet', forkUrl, 'main:more'])
  await git(work, ['push', '--quiet', toUrl, 'main:more'])
  const path = `trash/${String(result['trash'])}`
  assert.match((await hosts.administer('one', 'DELETE', path)).body, /repository_lends/)
})

test('of two that are to get one name, one gets it', async () => {
  const { fromUrl } = await placeApart('first', 'both')
  const otherUrl = await hosts.placeAt('second.git', 'one', ['one'])
  await git(work, ['push', '--quiet', fromUrl, 'main:refs/heads/first'])
  await git(work, ['push', '--quiet', otherUrl, 'main:refs/heads/second'])
  const answers = await Promise.all([ask('rename', 'first', { to: 'both' }), ask('rename', 'second', { to: 'both' })])
  const done = answers.filter(({ result }) => 'renamed' in result)
  assert.equal(done.length, 1, answers.map(({ body }) => body).join())
  const left = done[0]!.result['renamed'] === 'first' ? 'second' : 'first'
  assert.match(await git(at('one', `${left}.git`), ['for-each-ref']), new RegExp(`refs/heads/${left}`))
})
