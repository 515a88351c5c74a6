import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { SignJWT } from 'jose'
import { accessFolder, userLine } from '../support/access-folder.ts'
import { call, documentOf } from '../support/call.ts'

test('files: yes or no, with the rule that decides and those that never count', async () => {
  await using folder = await accessFolder()
  const { env } = folder
  await writeFile(folder.passwords, userLine('ann') + userLine('ben') + userLine('eve'))
  const answers: [string, string, RegExp][] = [
    [
      'ann create team/app',
      'yes',
      /Line 4 of .*access\.yaml decides.*\(team\/\*\*\)\.\n.*"write" has @team, which ann is in; its "create" has ann\.\n {2}ann is in team\.\n {2}Line 8 \(\*\*\) fits, too, but comes later/,
    ],
    ['ben push team/app.git', 'yes', /its "create" does not have ben/],
    ['ben create team/app', 'no', /its "create" does not have ben/],
    [
      'eve read team/app',
      'yes',
      /"read" has users, which is everybody who has logged in; its "write" does not have eve/,
    ],
    ['eve write team/app', 'no', /Line 8 .* it would let eve push\./],
    ['anyone read other', 'yes', /^yes: anyone may read other\.\n.*Line 8/],
    ['anyone read team/app', 'no', /Neither its "read" nor its "write" has anyone/],
    ['carl read other', 'no', /There is no user carl in .*htpasswd/],
  ]
  for (const [words, answer, says] of answers) {
    const { exitCode, stdout, stderr } = await call(['can', ...words.split(' ')], { env })
    assert.equal(exitCode, answer === 'yes' ? 0 : 1, words)
    assert.equal(stderr, '')
    assert.ok(stdout.startsWith(`${answer}: `), stdout)
    assert.match(stdout, says, words)
  }
  const { exitCode, document } = await documentOf(['can', 'ben', 'create', 'team/app'], { env })
  assert.equal(exitCode, 1)
  const { may, decidedBy, groups } = document as { may: boolean; decidedBy: { line: number }; groups: string[] }
  assert.deepEqual([may, decidedBy.line, groups], [false, 4, ['team']])
})

test('files: no rule, and what the host has to say', async () => {
  await using folder = await accessFolder('rules: [{ repositories: a/**, write: ann, create: ann }]')
  await writeFile(folder.passwords, userLine('ann'))
  const env = { ...folder.env, SLUICE_PROTECTED_REFS: 'a/**:refs/heads/main=no-force+no-delete, b:refs/**=nobody' }
  const created = await call(['can', 'ann', 'create', 'a/x'], { env })
  assert.match(
    created.stdout,
    /^yes: [^]*But SLUICE_CREATE_ON_PUSH is off[^]*protects refs\/heads\/main there: no-force, no-delete\.\n$/,
  )
  assert.match((await call(['can', 'ann', 'read', 'b'], { env })).stdout, /^no: .*\n {2}No rule of .* fits the name/)
  const table = `${folder.rules}.read-only`
  await writeFile(table, 'b\na/**=Moved to git.example.org\n')
  for (const readOnly of ['a/*=Moved to git.example.org', table]) {
    const written = await call(['can', 'ann', 'write', 'a/x'], { env: { ...env, SLUICE_READ_ONLY: readOnly } })
    assert.match(written.stdout, /^yes: [^]*But SLUICE_READ_ONLY lets nobody push there: Moved to git\.example\.org\n/)
  }
})

test('a token does what both it and its user may', async () => {
  await using folder = await accessFolder()
  const { env } = folder
  await writeFile(folder.passwords, userLine('ben') + userLine('eve'))
  const make = async (...more: string[]) =>
    (await documentOf(['token', 'create', '--repository', 'team/**', ...more], { env })).document as {
      id: string
      token: string
    }
  const bens = await make('--right', 'create', '--user', 'ben')
  const eves = await make('--right', 'write', '--user', 'eve')
  const nobodys = await make('--right', 'create')
  const can = async (...argv: string[]) => (await call(['can', ...argv], { env })).stdout
  assert.match(
    await can('--token', bens.id, 'write', 'team/x'),
    /^yes: the holder of the token \w{8} may push to team\/x/,
  )
  assert.match(await can('--token', bens.id, 'create', 'team/x'), /^no: [^]*does not have ben/)
  assert.match(await can('--token', eves.id, 'write', 'team/x'), /^no: [^]*"write" does not have eve/)
  assert.match(await can('--token', eves.id, 'read', 'team/x'), /^yes: /)
  assert.match(await can('--token', eves.id, 'read', 'other'), /^no: /)
  assert.match(
    await can('--token', nobodys.id, 'create', 'team/x'),
    /^yes: [^]*It is for no user, so the rules do not count/,
  )
  const path = `${folder.tokens}.one`
  await writeFile(path, `${bens.token}\n`)
  assert.match(await can('--token-file', path, 'write', 'team/x'), /^yes: /)
  await call(['token', 'revoke', bens.id], { env })
  assert.match(await can('--token-file', path, 'write', 'team/x'), /^no: the holder of this token .*\n.*was revoked/)
  await call(['user', 'remove', 'eve'], { env: { ...env, SLUICE_TOKEN_FILE: '' } })
  assert.match(
    await can('--token', eves.id, 'read', 'team/x'),
    /^no: .*\n {2}The user of the token is no user any more/,
  )
})

test('a signed token is explained: signature, issuer, audience, end, scopes', async () => {
  await using folder = await accessFolder()
  const [signer, stranger] = [0, 1].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }))
  const keys = `${folder.rules}.pem`
  await writeFile(keys, signer!.publicKey.export({ type: 'spki', format: 'pem' }))
  const env = {
    SLUICE_ACCESS: 'jwt',
    SLUICE_JWT_KEYS: keys,
    SLUICE_JWT_ISSUER: 'https://id.example',
    SLUICE_JWT_AUDIENCE: 'sluice',
  }
  const claims = { iss: 'https://id.example', aud: 'sluice', sub: 'ann', scope: 'repo:write:team/** repo:read openid' }
  const token = async (more: object = {}, key = signer!, end = '5m') => {
    const jwt = new SignJWT({ ...claims, ...more }).setProtectedHeader({ alg: 'ES256' }).setExpirationTime(end)
    return await jwt.sign(key.privateKey)
  }
  const can = async (stdin: string, words = 'write team/app', more: object = {}) => {
    const argv = ['can', '--token-file', '-', ...words.split(' ')]
    const { exitCode, stdout, stderr } = await call(argv, { env: { ...env, ...more }, stdin })
    return `${exitCode} ${stdout}${stderr}`
  }
  assert.match(
    await can(await token()),
    /^0 yes: ann, by this token, may push to team\/app\.\n.*signature is by one of the keys\.\n.*repo:write:team\/\*\*, repo:read\.\n.*It ends at /,
  )
  assert.match(await can(await token(), 'create team/app'), /^1 no: /)
  assert.match(await can(await token(), 'read else'), /^0 yes: [^]*about the repository: repo:read\./)
  assert.match(await can(await token({}, stranger)), /^1 no: [^]*Its signature is by none of the keys/)
  assert.match(await can(await token({}, signer, '-5m')), /^1 no: [^]*It ended at /)
  const wrong = await can(await token({ iss: 'x', aud: ['y'], sub: 'a\nb', nbf: 9_999_999_999 }, stranger))
  for (const says of [
    /by none of the keys/,
    /issuer \(iss\) is "x"/,
    /It is for \["y"\] \(aud\)/,
    /for nobody: "a\\nb"/,
    /not valid before 2286/,
  ]) {
    assert.match(wrong, says)
  }
  assert.match(await can('nonsense'), /^1 no: .*\n {2}This is no signed token/)
  assert.match(await can('x'.repeat(20_000)), /^1 error: This is no token: it is too long/)
  const remote = { SLUICE_JWT_KEYS: 'https://id.example/jwks.json' }
  assert.match(await can(await token({}, stranger), 'read x', remote), /^0 yes: [^]*signature was not checked/)
  assert.match(
    await can(await token(), 'read x', { SLUICE_JWT_ALGORITHMS: 'RS256' }),
    /^1 no: [^]*signed with "ES256", which is none/,
  )
  const asked = await call(['can', 'ann', 'read', 'x'], { env })
  assert.equal(asked.exitCode, 2)
  assert.match(asked.stderr, /SLUICE_ACCESS is jwt: a user may what the token/)
})

test('the other modes, and wrong calls', async () => {
  await using folder = await accessFolder()
  await writeFile(folder.passwords, userLine('ann'))
  await writeFile(folder.tokens, '')
  const wrong: [string[], Record<string, string>, number, RegExp][] = [
    [
      ['ann', 'write', 'x'],
      { SLUICE_ACCESS: 'forward', SLUICE_ACCESS_SERVICE: 'http://127.0.0.1:9/a' },
      2,
      /your own service decides \(http:\/\/127\.0\.0\.1:9\/a\)/,
    ],
    [['ann', 'write'], {}, 2, /Say a user, a right and a repository/],
    [['ann', 'admin', 'x'], {}, 2, /The right is read, write or create, not "admin"/],
    [['ann', 'constructor', 'x'], {}, 2, /The right is/],
    [['ann', 'read', '../x'], {}, 2, /"\.\.\/x" is no name of a repository/],
    [['users', 'read', 'x'], {}, 2, /"users" stands for many/],
    [['--token', 'aaaaaaaa', 'ann', 'read', 'x'], {}, 2, /With a token, say a right and a repository/],
    [['--token', 'a', '--token-file', 'b', 'read', 'x'], {}, 2, /one of --token and --token-file/],
    [['ann', 'read', 'x'], { SLUICE_ACCESS_FILE: '' }, 78, /SLUICE_ACCESS=file needs SLUICE_ACCESS_FILE/],
    [['ann', 'read', 'x'], { SLUICE_PASSWORD_FILE: '/nonexistent/f' }, 78, /There is no file \/nonexistent\/f: /],
    [['ann', 'read', 'x'], { SLUICE_ACCESS_FILE: folder.passwords }, 78, /htpasswd/],
    [
      ['--token-file', '/nonexistent/t', 'read', 'x'],
      { SLUICE_TOKEN_FILE: folder.tokens },
      2,
      /no file \/nonexistent\/t\./,
    ],
  ]
  for (const [argv, more, code, says] of wrong) {
    const { exitCode, stderr } = await call(['can', ...argv], { env: { ...folder.env, ...more } })
    assert.equal(exitCode, code, argv.join(' '))
    assert.match(stderr, says)
  }
  assert.match(
    (await call(['can', 'ann', 'create', 'x'], { env: { SLUICE_CREATE_ON_PUSH: 'on' } })).stdout,
    /^yes: .*\n {2}SLUICE_ACCESS is open/,
  )
})
