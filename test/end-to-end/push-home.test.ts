import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { isQuiet, startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

/** The HOME of a push: what is in it, and what is left of it. */

let stack: Stack
let count = 0

before(async () => {
  stack = await startStack()
})
after(() => stack[Symbol.asyncDispose]())

async function repositoryAndClone(on = stack): Promise<{ bare: string; work: string }> {
  const name = `home-${++count}`
  const bare = join(on.root, `${name}.git`)
  await git(on.folder, ['init', '--quiet', '--bare', bare])
  await importHistory(bare, 2)
  await git(on.folder, ['clone', '--quiet', `${on.url}/${name}.git`, name])
  return { bare, work: join(on.folder, name) }
}

let pushes = 0
const push = (work: string) => tryGit(work, ['push', 'origin', `main:refs/heads/push-${++pushes}`])

const leftOf = async (on: Stack) => readdir(join(on.folder, 'run/pushes'))

test('files that a hook leaves in its HOME are seen by no other push, and removed with it', async () => {
  const { bare, work } = await repositoryAndClone()
  const other = await repositoryAndClone()
  const leaves = 'echo "machine example.org" >~/.netrc; git config --file ~/.gitconfig core.hooksPath /tmp'
  const locks = 'mkdir -p ~/a/b; touch ~/a/b/c; ln -s / ~/a/root; chmod 0 ~/a/b ~/a'
  for (const { bare: each } of [{ bare }, other]) {
    await writeHook(each, 'pre-receive', `echo "HOME: $(ls -A ~ | tr '\\n' ' ')in $HOME"; ${leaves}`)
    await writeHook(each, 'post-receive', `echo "later: $(ls -A ~ | tr '\\n' ' ')"; ${locks}`)
  }
  const homes = new Set<string>()
  for (const folder of [work, work, other.work]) {
    const { stderr } = await push(folder)
    const [, found, home = ''] = /HOME: (.*)in (\S+)/.exec(stderr) ?? []
    assert.equal(found, '', stderr)
    assert.match(stderr, /later: \.gitconfig \.netrc /)
    homes.add(home)
  }
  assert.equal(homes.size, 3)
  await until(
    'the last push to be over',
    async () => isQuiet(await stack.status()) && (await leftOf(stack)).length === 0,
  )
})

test('git for a fetch has a HOME that nobody can create, not even root', async () => {
  await using waiting = await startStack({ SLUICE_GIT: join(import.meta.dirname, '../fixtures/waits-for-release.sh') })
  const bare = join(waiting.root, 'wait.git')
  await git(waiting.folder, ['init', '--quiet', '--bare', bare])
  const asked = tryGit(waiting.folder, ['ls-remote', `${waiting.url}/wait.git`])
  const environment = await until('git to run', async () => {
    for (const pid of await waiting.gitProcesses()) {
      const text = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
      if (text.includes('GIT_CONFIG_GLOBAL=')) return text.split('\0')
    }
    return undefined
  })
  assert.ok(environment.includes('HOME=/dev/null'))
  assert.ok(environment.includes('GIT_ATTR_NOSYSTEM=1'))
  await writeFile(join(bare, 'release'), '')
  await asked
})

test('the next supervisor removes what a killed one has left', async () => {
  await using own = await startStack()
  const { bare, work } = await repositoryAndClone(own)
  await writeHook(bare, 'pre-receive', 'echo secret >~/.netrc; touch "$PWD/reached"; while :; do sleep 1; done')
  const pushed = push(work)
  await until('the hook to run', async () => (await readdir(bare)).includes('reached'))
  assert.equal((await leftOf(own)).length, 1)
  await mkdir(join(own.folder, 'run/pushes/not-ours'))
  own.supervisor.signal('SIGKILL')
  await own.supervisor.exited
  await pushed
  await own.restartSupervisor()
  await until('the folder to be removed', async () => (await leftOf(own)).length < 2)
  assert.deepEqual(await leftOf(own), ['not-ours'])
})

const gpg = (() => {
  try {
    return execFileSync('gpg', ['--version'], { encoding: 'utf8' }).split('\n')[0]
  } catch {
    return undefined
  }
})()

describe('signed pushes', { skip: gpg === undefined && 'gpg is not installed' }, () => {
  test('are checked with the keys in SLUICE_GNUPG_HOME, and leave no process', async () => {
    // The path of an agent's socket must be short.
    await using keys = await temporaryFolder()
    const users = join(keys.path, 'users')
    const servers = join(keys.path, 'servers')
    for (const folder of [users, servers]) await mkdir(folder, { mode: 0o700 })
    const run = (home: string, args: string[], input?: Buffer) =>
      execFileSync('gpg', ['--batch', '--quiet', '--homedir', home, ...args], {
        input,
        stdio: ['pipe', 'pipe', 'pipe'],
      })
    const who = 'A User <user@example.org>'
    try {
      run(users, ['--passphrase', '', '--pinentry-mode', 'loopback', '--quick-generate-key', who, 'ed25519', 'sign'])
      const key = run(users, ['--export', who])
      run(servers, ['--import'], key)
      const [fingerprint] =
        /(?<=^fpr:+)[0-9A-F]{40}/m.exec(run(users, ['--with-colons', '--list-keys']).toString()) ?? []
      run(servers, ['--import-ownertrust'], Buffer.from(`${fingerprint}:6:\n`))
      for (const [env, status] of [
        [{ SLUICE_GNUPG_HOME: servers }, 'G'],
        [{}, 'E'],
      ] as const) {
        await using signing = await startStack(env)
        const { bare, work } = await repositoryAndClone(signing)
        await git(bare, ['config', 'receive.certNonceSeed', 'seed'])
        await writeHook(bare, 'post-receive', 'echo "status $GIT_PUSH_CERT_STATUS, nonce $GIT_PUSH_CERT_NONCE_STATUS"')
        const args = ['-c', `user.signingKey=${fingerprint}`, 'push', '--signed', 'origin', 'main:refs/heads/signed']
        const { stderr } = await tryGit(work, args, { env: { GNUPGHOME: users } })
        assert.match(stderr, new RegExp(`status ${status}, nonce (?:OK|SLOP)`))
        const line = await signing.supervisor.line(({ kind, service }) => kind === 'rpc' && service === 'receive-pack')
        assert.equal(line['leftovers'], undefined)
        await until('all to be over', async () => isQuiet(await signing.status()))
        assert.deepEqual(await signing.gitProcesses(), [])
      }
    } finally {
      for (const folder of [users, servers]) execFileSync('gpgconf', ['--homedir', folder, '--kill', 'all'])
    }
  })
})
