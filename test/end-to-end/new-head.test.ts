import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { git, importCommit, importHistory, packOf } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { ask, target } from '@sluice/shared/testing/http'
import { patiently } from '@sluice/shared/testing/patience'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/**
 * HEAD of a new repository is settled before its client learns that the push has worked, whatever the client does then.
 */

const nobody = '0'.repeat(40)
let stack: Stack
let work: string
let id: string
let pack: Buffer
let count = 0

before(async () => {
  stack = await startStack({ SLUICE_HOOK_TIMEOUT: '1s' })
  work = join(stack.folder, 'work')
  await git(stack.folder, ['init', '--quiet', work])
  await importHistory(work, 3)
  id = await git(work, ['rev-parse', 'main'])
  pack = await packOf(work, `${id}\n`)
})
after(() => stack[Symbol.asyncDispose]())

const newName = () => `new-${++count}.git`
const bareOf = (name: string) => join(stack.root, name)
/** The content of HEAD, one character for each byte. */
const headOf = async (name: string) => (await readFile(join(bareOf(name), 'HEAD'), 'latin1')).replace(/^ref: |\n$/g, '')

/**
 * Pushes by hand, and leaves as soon as the report has come.
 *
 * @param onText is called with all that has come, each time that there is more
 * @returns what had come by then
 */
async function pushAndLeave(
  name: string,
  refs: readonly (string | Buffer)[],
  features: string,
  onText: (text: string) => void = () => {},
): Promise<string> {
  assert.equal((await ask(stack.gateway.address, `/${name}/info/refs?service=git-receive-pack`)).status, 200)
  const lines = refs.map((ref, index) => {
    const line = Buffer.concat([
      Buffer.from(`${nobody} ${id} `),
      Buffer.from(ref),
      Buffer.from(index === 0 ? `\0 ${features}` : ''),
    ])
    return Buffer.concat([Buffer.from((line.length + 4).toString(16).padStart(4, '0')), line])
  })
  const body = Buffer.concat([...lines, Buffer.from(flushPacket), pack])
  const head = [
    `POST /${name}/git-receive-pack HTTP/1.1`,
    'Host: 127.0.0.1',
    'Content-Type: application/x-git-receive-pack-request',
    `Content-Length: ${body.length}`,
  ]
  return new Promise((resolve, reject) => {
    const socket = connect(target(stack.gateway.address) as { host: string; port: number })
    let text = ''
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`There was no report: ${text}`)))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      onText(text)
      if (!/unpack \w+\n.*(?:ok|ng) refs/s.test(text)) return
      socket.removeAllListeners('close')
      socket.destroy()
      resolve(text)
    })
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    socket.write(body)
  })
}

describe('a client that leaves as soon as it has the report finds HEAD settled', () => {
  for (const features of ['report-status', 'report-status side-band-64k', 'report-status-v2 side-band-64k atomic']) {
    test(`with ${features}`, async () => {
      for (let round = 0; round < 5; round++) {
        const name = newName()
        await pushAndLeave(name, ['refs/heads/master'], features)
        assert.equal(await headOf(name), 'refs/heads/master')
      }
    })
  }
})

test('a hook that goes on after the report does not keep HEAD from being settled', async () => {
  const name = newName()
  await git(work, ['push', '--quiet', `${stack.url}/${name}`, 'main:refs/tags/only'])
  await writeHook(bareOf(name), 'post-receive', 'exec sleep 600')
  await pushAndLeave(name, ['refs/heads/master'], 'report-status side-band-64k')
  assert.equal(await headOf(name), 'refs/heads/master')
})

test('a slow hook, during which git sends keep-alives, does not settle HEAD too early', async () => {
  const name = newName()
  await git(work, ['push', '--quiet', `${stack.url}/${name}`, 'main:refs/tags/only'])
  await git(bareOf(name), ['config', 'receive.keepAlive', '1'])
  // git sends an empty packet each second.
  await writeHook(bareOf(name), 'pre-receive', 'until test -e heard; do sleep 0.05; done')
  let heard: string | undefined
  const pushed = pushAndLeave(name, ['refs/heads/master'], 'report-status side-band-64k', (text) => {
    if (heard !== undefined || !text.includes('0005\u0001')) return
    heard = text
    writeFileSync(join(bareOf(name), 'heard'), '')
  })
  await patiently('the report after an empty packet', pushed)
  assert.ok(heard !== undefined)
  assert.equal(await headOf(name), 'refs/heads/master')
})

test('a push that reports nothing settles HEAD, too', async () => {
  const name = newName()
  const line = pktLine(`${nobody} ${id} refs/heads/trunk\0 agent=test`)
  const reply = await fetch(`${stack.url}/${name}/git-receive-pack`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-git-receive-pack-request' },
    body: Buffer.concat([Buffer.from(line + flushPacket), pack]),
  })
  assert.equal(await reply.text(), '')
  assert.equal(await headOf(name), 'refs/heads/trunk')
})

const choices: readonly (readonly [what: string, branches: readonly (string | Buffer)[], head: string | Buffer])[] = [
  ['the branch, if it is one', ['trunk'], 'trunk'],
  ['master before others', ['alpha', 'master', 'zulu'], 'master'],
  ['main before master', ['alpha', 'main', 'master'], 'main'],
  ['the first of others', ['gamma', 'beta', 'beta-two'], 'beta'],
  ['a branch, not what is below a usual name', ['a', 'main/b', 'master/c'], 'a'],
  ['main after 120 others', [...Array.from({ length: 120 }, (_, index) => `b${index}`), 'main'], 'main'],
  ['a name in UTF-8', ['grün/日本'], 'grün/日本'],
  ['a name in Latin-1', [Buffer.from('caf\xe9', 'latin1')], Buffer.from('caf\xe9', 'latin1')],
  [
    'the first of several in Latin-1',
    ['\xe9a', '\xe9b'].map((name) => Buffer.from(name, 'latin1')),
    Buffer.from('\xe9a', 'latin1'),
  ],
  [
    'a name that a shell would take for more',
    ['$(touch${IFS}x)`id`;\'"&|<>%s%n!#'],
    '$(touch${IFS}x)`id`;\'"&|<>%s%n!#',
  ],
  [
    'the like in Latin-1',
    [Buffer.from('\xe9$(touch${IFS}x)`id`;\'"&|<>%s%n!#', 'latin1')],
    Buffer.from('\xe9$(touch${IFS}x)`id`;\'"&|<>%s%n!#', 'latin1'),
  ],
  [
    'a name of 3,800 bytes',
    [Array.from({ length: 19 }, () => 'n'.repeat(199)).join('/')],
    Array.from({ length: 19 }, () => 'n'.repeat(199)).join('/'),
  ],
  [
    'one of 3,800 bytes in Latin-1',
    [Buffer.from(Array.from({ length: 19 }, () => '\xe9'.repeat(199)).join('/'), 'latin1')],
    Buffer.from(Array.from({ length: 19 }, () => '\xe9'.repeat(199)).join('/'), 'latin1'),
  ],
]
for (const [what, branches, head] of choices) {
  test(`HEAD becomes ${what}`, async () => {
    const name = newName()
    const refs = branches.map((branch) => Buffer.concat([Buffer.from('refs/heads/'), Buffer.from(branch)]))
    const report = await pushAndLeave(name, refs, 'report-status')
    assert.equal(await headOf(name), `refs/heads/${Buffer.from(head).toString('latin1')}`, report)
    assert.equal(await git(bareOf(name), ['rev-parse', 'HEAD']), id)
    assert.ok(!(await readdir(bareOf(name))).includes('x'))
  })
}

test('git’s own --all and --mirror get main or master', async () => {
  const many = join(stack.folder, 'many')
  await git(stack.folder, ['init', '--quiet', '--bare', many])
  const input = ['alpha', 'master', ...Array.from({ length: 120 }, (_, index) => `a${index}`)].map((branch) =>
    importCommit({ ref: `refs/heads/${branch}`, message: 'A', file: 'a', content: branch, time: 1_700_000_000 }),
  )
  await git(many, ['fast-import', '--quiet'], { input: input.join('') })
  for (const how of ['--all', '--mirror']) {
    const name = newName()
    await git(many, ['push', '--quiet', how, `${stack.url}/${name}`])
    assert.equal(await headOf(name), 'refs/heads/master')
  }
})

test('a HEAD that leads to a branch is left alone, through however many names it leads', async () => {
  const name = newName()
  const bare = bareOf(name)
  await git(work, ['push', '--quiet', `${stack.url}/${name}`, 'main:refs/tags/v1'])
  assert.equal(await headOf(name), 'refs/heads/main')
  await git(bare, ['update-ref', 'refs/heads/chosen', id])
  await git(bare, ['symbolic-ref', 'refs/heads/also', 'refs/heads/chosen'])
  await git(bare, ['symbolic-ref', 'HEAD', 'refs/heads/also'])
  await git(work, ['push', '--quiet', `${stack.url}/${name}`, 'main:refs/heads/main'])
  assert.equal(await headOf(name), 'refs/heads/also')
})

test('a HEAD that somebody has pointed to a branch that does not exist yet is left alone', async () => {
  const name = newName()
  const bare = bareOf(name)
  await git(work, ['push', '--quiet', `${stack.url}/${name}`, 'main:refs/tags/v1'])
  await git(bare, ['symbolic-ref', 'HEAD', 'refs/heads/trunk'])
  await git(work, ['push', '--quiet', `${stack.url}/${name}`, 'main:refs/heads/topic'])
  assert.equal(await headOf(name), 'refs/heads/trunk')
  await git(work, ['push', '--quiet', `${stack.url}/${name}`, 'main:refs/heads/main'])
  assert.equal(await headOf(name), 'refs/heads/trunk')
})

test('a HEAD that leads through other names to no branch is settled', async () => {
  const name = newName()
  const bare = bareOf(name)
  await git(work, ['push', '--quiet', `${stack.url}/${name}`, 'main:refs/tags/v1'])
  await git(bare, ['symbolic-ref', 'refs/heads/main', 'refs/heads/nowhere'])
  await git(work, ['push', '--quiet', `${stack.url}/${name}`, 'main:refs/heads/master'])
  assert.equal(await headOf(name), 'refs/heads/master')
})

test('after two first pushes at once, HEAD is the branch of one, and stays there', async () => {
  for (let round = 0; round < 5; round++) {
    const name = newName()
    const branches = ['left', 'right', 'third'].map((branch) => `refs/heads/${branch}`)
    const seen = await Promise.all(
      branches.map(async (branch) => {
        await pushAndLeave(name, [branch], 'report-status side-band-64k')
        return headOf(name)
      }),
    )
    assert.ok(branches.includes(seen[0]!))
    assert.equal(new Set([...seen, await headOf(name)]).size, 1, seen.join())
  }
})

test('a repository whose references are in tables (reftable)', async (t) => {
  const name = newName()
  await git(work, ['push', '--quiet', `${stack.url}/${name}`, 'main:refs/tags/v1'])
  const migrated = spawnSync('git', ['--git-dir', bareOf(name), 'refs', 'migrate', '--ref-format=reftable'])
  if (migrated.status !== 0) return t.skip('This git has no reftable.')
  await pushAndLeave(name, ['refs/heads/master'], 'report-status')
  assert.equal(await git(bareOf(name), ['symbolic-ref', 'HEAD']), 'refs/heads/master')
})

const clients = {
  dulwich: `
import sys
from dulwich import porcelain
porcelain.push(sys.argv[1], sys.argv[2], b'refs/heads/main:refs/heads/master')
print(porcelain.ls_remote(sys.argv[2])[b'HEAD'].decode())
`,
  pygit2: `
import sys, pygit2
repository = pygit2.Repository(sys.argv[1])
remote = repository.remotes.create(sys.argv[2].rsplit('/')[-1].split('.')[0], sys.argv[2])
remote.push(['refs/heads/main:refs/heads/master'])
print([ref['oid'] for ref in remote.ls_remotes() if ref['name'] == 'HEAD'][0])
`,
}
for (const [client, program] of Object.entries(clients)) {
  const python = '/usr/bin/python3'
  const isThere = spawnSync(python, ['-c', `import ${client}`]).status === 0
  test(
    `${client} pushes master to a new name, and may clone it at once`,
    { skip: !isThere && `no ${client}` },
    async () => {
      for (let round = 0; round < 4; round++) {
        const name = newName()
        const { stdout } = await promisify(execFile)(python, ['-c', program, work, `${stack.url}/${name}`], {
          env: { HOME: stack.folder, PATH: process.env['PATH'] ?? '', NO_PROXY: '*' },
        })
        assert.equal(stdout.trim().split('\n').at(-1), id)
        assert.equal(await headOf(name), 'refs/heads/master')
      }
    },
  )
}

test('no process waits for a push whose client has left', async () => {
  await until('the host to be quiet', async () => (await stack.status()).requestsInAll === 0)
})
