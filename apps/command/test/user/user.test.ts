import assert from 'node:assert/strict'
import { readFile, symlink, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { verify } from '@node-rs/argon2'
import { verify as verifyBcrypt } from '@node-rs/bcrypt'
import { readPasswordFile } from '@sluice/access/passwords/password-file'
import { accessFolder, userLine } from '../support/access-folder.ts'
import type { AccessFolder } from '../support/access-folder.ts'
import { call, documentOf } from '../support/call.ts'

async function hashOf({ passwords }: AccessFolder, user: string): Promise<string> {
  return readPasswordFile(await readFile(passwords, 'utf8'), 'f').get(user)!.text
}

test('a user is added with a password from standard input, and gets another one', async () => {
  await using folder = await accessFolder()
  const { env } = folder
  const added = await call(['user', 'add', 'ann', '--password-stdin'], { env, stdin: 'first password\n' })
  assert.equal(added.exitCode, 0, added.stderr)
  assert.match(added.stdout, /^Added ann to .*htpasswd\.\n.*htpasswd is new, and only you may read it/)
  assert.match(
    added.stdout,
    /These lines of the rules already have ann:\n {2}line 2: the group team\n {2}line 4: the rule for team/,
  )
  assert.equal(await verify(await hashOf(folder, 'ann'), 'first password'), true)

  const changed = await call(['user', 'passwd', 'ann', '--password-stdin', '--bcrypt'], {
    env,
    stdin: '\ufeffsecond password\r\n',
  })
  assert.deepEqual(changed, {
    exitCode: 0,
    stdout: `Changed the password of ann in ${folder.passwords}.\n`,
    stderr: '',
  })
  assert.equal(await verifyBcrypt('second password', await hashOf(folder, 'ann')), true)
})

test('a generated password is alone on standard output, and in the document', async () => {
  await using folder = await accessFolder()
  const { env } = folder
  const added = await call(['user', 'add', 'ann', '--generate'], { env })
  assert.match(added.stdout, /^[0-9A-Za-z]{24}\n$/)
  assert.match(added.stderr, /Added ann to .*\n[^]*shown only now/)
  assert.equal(await verify(await hashOf(folder, 'ann'), added.stdout.trim()), true)
  const { document } = await documentOf(['user', 'passwd', 'ann', '--generate'], { env })
  const { password, hash, user } = document as Record<string, string>
  assert.deepEqual([user, hash], ['ann', 'argon2id'])
  assert.equal(await verify(await hashOf(folder, 'ann'), password!), true)
})

test('a password is never an argument, and no message quotes one', async () => {
  await using folder = await accessFolder()
  const { env } = folder
  const wrong: [string[], string | undefined, number, RegExp][] = [
    [['add', 'ann', 'S3cret-word'], undefined, 2, /A password is never an argument/],
    [['add', 'ann', '--password', 'S3cret-word'], undefined, 2, /A password is never an argument/],
    [['add', 'ann', '--password=S3cret-word'], undefined, 2, /A password is never an argument/],
    [['passwd', 'ann', '-pS3cret-word'], undefined, 2, /A password is never an argument/],
    [['add', 'ann', '--pasword=S3cret-word'], undefined, 2, /Unknown option '--pasword'\./],
    [['add', 'ann', '--password-stdin=S3cret-word'], undefined, 2, /Unknown option '--password-stdin'/],
    [['add', 'ann'], 'S3cret-word\n', 2, /There is no terminal to ask for the password on: use --password-stdin/],
    [['add', 'ann', '--password-stdin', '--generate'], 'S3cret-word\n', 2, /cannot be used with/],
    [['add', 'ann', '--password-stdin'], 'S3cret-word\nS3cret-word\n', 1, /control characters .* Nothing was changed/],
    [['add', 'ann', '--password-stdin'], '', 1, /at least 8 characters/],
    [['add', 'ann', '--password-stdin', '--bcrypt'], 'S3cret-word'.repeat(7), 1, /first 72 bytes/],
    [['add', 'ann', '--password-stdin'], 'S3cret-word'.repeat(1000), 1, /too many for a password/],
  ]
  for (const [argv, stdin, code, says] of wrong) {
    const { exitCode, stdout, stderr } = await call(['user', ...argv], {
      env,
      ...(stdin === undefined ? {} : { stdin }),
    })
    assert.equal(exitCode, code, argv.join(' '))
    assert.match(stderr, says)
    assert.ok(!`${stdout}${stderr}`.includes('S3cret'), stderr)
  }
  await assert.rejects(readFile(folder.passwords), /ENOENT/)
})

test('names that cannot be are refused, and so is a user who is there', async () => {
  await using folder = await accessFolder()
  const { env } = folder
  await writeFile(folder.passwords, userLine('ann'))
  const wrong: [string[], number, RegExp][] = [
    [['add', 'a:b', '--generate'], 2, /A name has no colon/],
    [['add', 'users', '--generate'], 2, /"users" stands for many in rules/],
    [['add', '@team', '--generate'], 2, /does not begin with "@"/],
    [['add', 'a\u001b[2Jb', '--generate'], 2, /no control characters/],
    [['add', 'ann', '--generate'], 1, /There is a user "ann"/],
    [['passwd', 'eve', '--generate'], 1, /There is no user "eve" in .*"sluice user list"/],
    [['remove', 'e\u202eve'], 1, /There is no user "e\\u\{202e\}ve"/],
    [['add'], 2, /Say the name, too/],
  ]
  for (const [argv, code, says] of wrong) {
    const { exitCode, stdout, stderr } = await call(['user', ...argv], { env })
    assert.equal(exitCode, code, argv.join(' '))
    assert.match(stderr, says)
    assert.equal(stdout, '')
  }
  assert.equal(await readFile(folder.passwords, 'utf8'), userLine('ann'))
})

test('a removed user loses the tokens; the rules that still have the name are told', async () => {
  await using folder = await accessFolder()
  const { env } = folder
  await writeFile(folder.passwords, `# people\n${userLine('ann')}${userLine('ben')}`)
  const create = ['token', 'create', '--repository', '**', '--right', 'read']
  const [first, , second] = await Promise.all(
    ['ann', 'ben', 'ann'].map(async (user) => {
      const { document } = await documentOf([...create, '--user', user], { env })
      return (document as { id: string }).id
    }),
  )
  const removed = await call(['user', 'remove', 'ann'], { env })
  assert.equal(removed.exitCode, 0, removed.stderr)
  assert.match(removed.stdout, /^Removed ann from .*\nRevoked the tokens of ann: (?:\w{8}), (?:\w{8})\.\n/)
  assert.ok(removed.stdout.includes(first!) && removed.stdout.includes(second!))
  assert.match(removed.stdout, /These lines of the rules still have ann:\n {2}line 2: the group team\n {2}line 4: /)
  assert.equal(await readFile(folder.passwords, 'utf8'), `# people\n${userLine('ben')}`)
  const { document } = await documentOf(['user', 'list'], { env })
  assert.deepEqual(document, {
    file: folder.passwords,
    users: [
      {
        user: 'ben',
        hash: 'bcrypt',
        groups: [{ name: 'team', line: 2 }],
        rules: [{ line: 4, repositories: ['team/**'] }],
        ruleCount: 1,
        tokens: (document as { users: { tokens: string[] }[] }).users[0]!.tokens,
      },
    ],
    strangers: ['ann', 'eve'],
    problems: [],
  })
})

test('users are listed, also where the rules have a fault', async () => {
  await using folder = await accessFolder('rules: [')
  const { env } = folder
  await writeFile(folder.passwords, `${userLine('ann')}${userLine('e\u202eve')}`)
  const { exitCode, stdout } = await call(['user', 'list'], { env, columns: 60 })
  assert.equal(exitCode, 0)
  assert.match(stdout, /ann +bcrypt +0/)
  assert.match(stdout, /e\\u\{202e\}ve +bcrypt/)
  assert.match(stdout, /access\.yaml is not valid YAML/)
})

test('where users are elsewhere, the command says where', async () => {
  await using folder = await accessFolder()
  const saying = async (more: Record<string, string>, ...argv: string[]) => {
    const { exitCode, stderr } = await call(argv, { env: { ...folder.env, ...more } })
    return `${exitCode} ${stderr}`
  }
  assert.match(await saying({ SLUICE_ACCESS: 'jwt' }, 'user', 'list'), /^1 error: SLUICE_ACCESS is jwt.*examples\/jwt/)
  assert.match(
    await saying({ SLUICE_ACCESS: 'jwt' }, 'token', 'list'),
    /^1 error: SLUICE_ACCESS is jwt.*cannot be revoked/,
  )
  assert.match(await saying({ SLUICE_ACCESS: 'forward' }, 'user', 'add', 'ann'), /^1 error: .*your own service/)
  assert.match(
    await saying({ SLUICE_PASSWORD_FILE: '' }, 'user', 'list'),
    /^78 error: [^]*SLUICE_PASSWORD_FILE is not set/,
  )
  const prepared = { SLUICE_ACCESS: 'open', SLUICE_PASSWORD_FILE: '' }
  const argv = ['user', 'add', 'ann', '--generate', '--file', folder.passwords]
  assert.match(await saying(prepared, ...argv), /^0 Added ann[^]*SLUICE_ACCESS is open, so nobody is asked/)
})

test('a file that is a link, as in a mounted secret, is not replaced', async () => {
  await using folder = await accessFolder()
  const { env } = folder
  await writeFile(`${folder.passwords}.data`, userLine('ann'))
  await symlink(`${folder.passwords}.data`, folder.passwords)
  for (const argv of [
    ['add', 'ben', '--generate'],
    ['passwd', 'ann', '--generate'],
    ['remove', 'ann'],
  ]) {
    const { exitCode, stdout, stderr } = await call(['user', ...argv], { env })
    assert.equal(exitCode, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /htpasswd is a symbolic link to .*kubectl.*Nothing was changed/)
  }
})
