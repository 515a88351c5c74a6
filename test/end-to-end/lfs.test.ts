import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createToken } from '@sluice/access/tokens/change-tokens'
import type { LogLine } from '@sluice/shared/testing/app'
import { newAuthority, noCertificates } from '@sluice/shared/testing/certificates'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, tryGit } from '@sluice/shared/testing/git'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/** Git LFS with its real client, over TLS and HTTP/2, with a token, to repositories that its pushes create. */

const noLfs = spawnSync('git', ['lfs', 'version']).status === 0 ? undefined : 'git-lfs is not installed'
const skip = noLfs ?? noCertificates ?? false

const rules = `rules:
  - { repositories: open/**, read: anyone, write: [ann], create: [ann] }
  - { repositories: team/**, read: users, write: [ann], create: [ann] }
`

describe('git-lfs', { skip }, () => {
  const opened = new AsyncDisposableStack()
  let stack: Stack
  let env: Record<string, string>
  let anonymous: Record<string, string>
  let origin: string
  const large = randomBytes(3_000_000)
  before(async () => {
    const { path } = opened.use(await temporaryFolder())
    const root = newAuthority(path)
    const pair = await root.issue('gateway')
    const files = {
      SLUICE_PASSWORD_FILE: join(path, 'htpasswd'),
      SLUICE_ACCESS_FILE: join(path, 'access.yaml'),
      SLUICE_TOKEN_FILE: join(path, 'tokens'),
    }
    await writeFile(files.SLUICE_ACCESS_FILE, rules)
    await writeFile(files.SLUICE_PASSWORD_FILE, `ann:$2y$05$${'a'.repeat(53)}\n`)
    const token = await createToken(files.SLUICE_TOKEN_FILE, {
      user: 'ann',
      right: 'create',
      repositories: ['**'],
      created: new Date().toISOString(),
      expires: 'never',
    })
    const tls = { SLUICE_TLS_CERTIFICATE: pair.certificate, SLUICE_TLS_KEY: pair.key }
    stack = opened.use(await startStack({}, { gateway: { SLUICE_ACCESS: 'file', ...files, ...tls } }))
    origin = `https://${stack.gateway.address}/team/new.git`
    const asked = join(path, 'credentials')
    await writeFile(asked, `https://ci:${token.text}@${stack.gateway.address}\n`)
    const common = { HOME: path, GIT_SSL_CAINFO: root.certificate }
    env = { ...common, GIT_CONFIG_GLOBAL: join(path, 'config') }
    anonymous = { ...common, GIT_CONFIG_GLOBAL: join(path, 'anonymous') }
    for (const one of [env, anonymous]) {
      await git(path, ['config', '--global', 'http.sslCAInfo', root.certificate], { env: one })
      await git(path, ['lfs', 'install', '--skip-repo'], { env: one })
    }
    await git(path, ['config', '--global', 'credential.helper', `store --file=${asked}`], { env })
  })
  after(() => opened.disposeAsync())

  async function workIn(name: string): Promise<string> {
    const work = join(stack.folder, name)
    await mkdir(work)
    await git(work, ['init', '--quiet'], { env })
    await git(work, ['lfs', 'track', '*.bin'], { env })
    return work
  }

  async function commit(work: string, file: string, content: Buffer | string): Promise<void> {
    await writeFile(join(work, file), content)
    await git(work, ['add', '.'], { env })
    await git(work, ['commit', '--quiet', '-m', file], { env })
  }

  test('pushes to a repository that does not exist yet, and clones it', async () => {
    const work = await workIn('first')
    await commit(work, 'large.bin', large)
    await commit(work, 'empty.bin', '')
    for (let index = 0; index < 12; index++) await writeFile(join(work, `${index}.bin`), `number ${index}`)
    await commit(work, 'one.bin', 'one')
    const { code, stderr } = await tryGit(work, ['push', origin, 'main'], { env })
    assert.equal(code, 0, stderr)
    await git(stack.folder, ['clone', '--quiet', origin, 'cloned'], { env })
    assert.ok(large.equals(await readFile(join(stack.folder, 'cloned/large.bin'))))
    assert.match(await git(join(stack.folder, 'cloned'), ['lfs', 'fsck'], { env }), /OK/)
  })

  test('pushes on, fetches, prunes and checks what it has', async () => {
    const [work, clone] = [join(stack.folder, 'first'), join(stack.folder, 'cloned')]
    await git(work, ['remote', 'add', 'origin', origin], { env })
    await commit(work, 'more.bin', 'more')
    await commit(work, 'large.bin', randomBytes(2_000_000))
    await git(work, ['push', '--quiet', 'origin', 'main'], { env })
    await git(clone, ['pull', '--quiet'], { env })
    assert.equal(await readFile(join(clone, 'more.bin'), 'utf8'), 'more')
    await git(clone, ['lfs', 'fetch', '--all'], { env })
    await git(clone, ['lfs', 'prune', '--verify-remote', '--recent'], { env })
    assert.match(await git(clone, ['lfs', 'fsck'], { env }), /OK/)
    const again = await tryGit(work, ['lfs', 'push', '--all', 'origin', 'main'], { env })
    assert.equal(again.code, 0, again.stderr)
  })

  test('migrates a history that has large files in git', async () => {
    const work = join(stack.folder, 'migrated')
    const migrated = origin.replace('new', 'migrated')
    await mkdir(work)
    await git(work, ['init', '--quiet'], { env })
    for (const content of ['one', 'two']) await commit(work, 'old.iso', content.repeat(1000))
    await git(work, ['lfs', 'migrate', 'import', '--everything', '--include=*.iso', '--yes'], { env })
    await git(work, ['push', '--quiet', migrated, 'main'], { env })
    await git(stack.folder, ['clone', '--quiet', migrated, 'of-migrated'], { env })
    assert.equal(await readFile(join(stack.folder, 'of-migrated/old.iso'), 'utf8'), 'two'.repeat(1000))
  })

  test('tells its user in words what is wrong', async () => {
    const clone = join(stack.folder, 'pointers')
    const skipping = { ...env, GIT_LFS_SKIP_SMUDGE: '1' }
    await git(stack.folder, ['clone', '--quiet', origin, clone], { env: skipping })
    const lost = await tryGit(clone, ['-c', `lfs.url=${origin.replace('new', 'nowhere')}/info/lfs`, 'lfs', 'pull'], {
      env,
    })
    assert.notEqual(lost.code, 0)
    assert.match(lost.stderr, /There is no repository of this name/)
    const migrated = origin.replace('new', 'migrated')
    const other = await tryGit(clone, ['-c', `lfs.url=${migrated}/info/lfs`, 'lfs', 'pull'], { env })
    assert.notEqual(other.code, 0)
    assert.match(other.stderr, /There is no such object in the LFS storage of this repository/)
  })

  test('asks for a log-in where one is needed, and for none where anyone may read', async () => {
    const open = origin.replace('team/new', 'open/one')
    await git(join(stack.folder, 'first'), ['push', '--quiet', open, 'main'], { env })
    await git(stack.folder, ['clone', '--quiet', open, 'by-anyone'], { env: anonymous })
    assert.equal(await readFile(join(stack.folder, 'by-anyone/more.bin'), 'utf8'), 'more')
    await commit(join(stack.folder, 'by-anyone'), 'of-nobody.bin', 'nobody')
    const pushed = await tryGit(join(stack.folder, 'by-anyone'), ['push', 'origin', 'main'], { env: anonymous })
    assert.notEqual(pushed.code, 0)
    const isNobodys = ({ service, user }: LogLine) => service === 'lfs' && user === undefined
    await stack.gateway.line(
      (line) => isNobodys(line) && line['reason'] === 'login_required' && line['kind'] === 'batch',
    )
    const lines = stack.gateway.lines.filter(isNobodys)
    assert.ok(lines.every(({ kind, outcome }) => outcome === 'refused' || kind === 'batch' || kind === 'download'))
  })
})
