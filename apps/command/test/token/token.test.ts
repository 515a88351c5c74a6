import assert from 'node:assert/strict'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { findToken } from '@sluice/access/tokens/token-check'
import { readTokenFile } from '@sluice/access/tokens/token-file'
import { accessFolder, userLine } from '../support/access-folder.ts'
import { call, documentOf } from '../support/call.ts'
import { endIn } from '../../src/token/end.ts'

const create = ['token', 'create', '--repository', 'team/**', '--right', 'write']

test('a token is alone on standard output, and only its digest is kept', async () => {
  await using folder = await accessFolder()
  const { env } = folder
  await writeFile(folder.passwords, userLine('ann'))
  const argv = [...create, '--repository', 'other', '--user', 'ann', '--description', 'CI of the team']
  const { exitCode, stdout, stderr } = await call(argv, { env })
  assert.equal(exitCode, 0, stderr)
  assert.match(stdout, /^sluice_[0-9a-z]{8}_[0-9A-Za-z]{49}\n$/)
  const text = stdout.trim()
  assert.match(stderr, /^Token \w{8} may write team\/\*\*, other, as far as ann may, until \d{4}-/)
  assert.ok(!stderr.includes(text))
  const kept = await readFile(folder.tokens, 'utf8')
  assert.ok(!kept.includes(text.slice(16)))
  const token = findToken(readTokenFile(kept, 'f'), text)
  assert.equal(token?.user, 'ann')
  assert.ok(token)
  assert.deepEqual(token.repositories, ['team/**', 'other'])
  assert.ok(Math.abs(token.endsAt - Date.now() - 90 * 86_400_000) < 3_600_000)
})

test('tokens are listed without anything secret, with what is wrong with them', async () => {
  await using folder = await accessFolder()
  const { env } = folder
  await writeFile(folder.passwords, userLine('ann') + userLine('ben'))
  for (const more of [
    ['--expires', 'never'],
    ['--user', 'ann'],
    ['--user', 'ben', '--expires', '12h'],
  ]) {
    assert.equal((await call([...create, ...more], { env })).exitCode, 0)
  }
  const old = { id: 'oldtoken', sha256: '0'.repeat(64), right: 'read', repositories: ['x'], description: 'a\u202eb' }
  await appendFile(
    folder.tokens,
    `${JSON.stringify({ ...old, created: '2020-01-01T00:00:00Z', expires: '2020-02-01T00:00:00Z' })}\n`,
  )
  await call(['user', 'remove', 'ben'], { env: { ...env, SLUICE_TOKEN_FILE: '' } })

  const { document } = await documentOf(['token', 'list'], { env })
  const { tokens } = document as { tokens: { id: string; problem: string | null }[] }
  assert.deepEqual(
    tokens.map(({ problem }) => problem),
    [null, null, 'The user of the token is no user any more.', 'The token has expired.'],
  )
  assert.ok(!JSON.stringify(document).includes('sha256'))
  const { stdout } = await call(['token', 'list'], { env })
  assert.match(stdout, /never .*\n/)
  assert.match(stdout, /ben \(gone\)/)
  assert.match(stdout, /oldtoken +2020-02-01 00:00 \(over\) .*a\\u\{202e\}b/)

  assert.match((await call(['token', 'revoke', '--expired'], { env })).stdout, /^Revoked oldtoken\.\n$/)
  assert.match((await call(['token', 'revoke', '--user', 'ben'], { env })).stdout, /^Revoked \w{8}\.\n$/)
  assert.equal(readTokenFile(await readFile(folder.tokens, 'utf8'), 'f').tokens.size, 2)
})

test('a token is revoked by its id, or by itself; all that are named, or none', async () => {
  await using folder = await accessFolder()
  const { env } = folder
  const texts = await Promise.all([1, 2, 3].map(async () => (await call(create, { env })).stdout.trim()))
  const ids = texts.map((text) => text.slice(7, 15))
  const wrong = await call(['token', 'revoke', ids[0]!, 'aaaaaaaa'], { env })
  assert.equal(wrong.exitCode, 1)
  assert.match(wrong.stderr, /There is no token aaaaaaaa in .*\. Nothing was revoked\./)
  assert.match((await call(['token', 'revoke', ids[0]!, texts[1]!], { env })).stdout, /^Revoked /)
  const kept = await readFile(folder.tokens, 'utf8')
  assert.deepEqual([...readTokenFile(kept, 'f').tokens.keys()], [ids[2]])
  assert.match(kept, /^# Tokens of Sluice/)
})

test('what no token can be is refused, and nothing is made', async () => {
  await using folder = await accessFolder()
  const { env } = folder
  await writeFile(folder.passwords, userLine('ann'))
  const wrong: [string[], number, RegExp][] = [
    [['create', '--right', 'read'], 2, /--repository <pattern>' not specified/],
    [['create', '--repository', 'a'], 2, /--right <right>' not specified/],
    [['create', '--repository', 'a', '--right', 'all'], 2, /takes one of read, write, create/],
    [['create', '--repository', '/a', '--right', 'read'], 2, /fits nothing: write a\./],
    [['create', '--repository', 'a.git', '--right', 'read'], 2, /fits nothing: write a\./],
    [['create', '--repository', '', '--right', 'read'], 2, /--repository "": a pattern has at least one character\./],
    [['create', '--repository', 'a//b', '--right', 'read'], 2, /two in a row, so this fits nothing: write a\/b\./],
    [['create', '--repository', 'a\nb', '--right', 'read'], 2, /control characters/],
    [
      ['create', '--repository', 'a', '--right', 'read', '--description', 'x'.repeat(201)],
      2,
      /The token cannot be made: description: /,
    ],
    [['create', '--repository', 'a', '--right', 'read', '--expires', 'soon'], 2, /--expires takes a time such as 12h/],
    [['create', '--repository', 'a', '--right', 'read', '--user', 'eve'], 1, /There is no user "eve" in /],
    [['revoke'], 2, /Say which tokens to revoke/],
    [['revoke', 'x'], 2, /8 small letters and digits/],
    [['list'], 78, /There is no file .*tokens: "sluice token create" makes it\./],
  ]
  for (const [argv, code, says] of wrong) {
    const { exitCode, stdout, stderr } = await call(['token', ...argv], { env })
    assert.equal(exitCode, code, argv.join(' '))
    assert.match(stderr, says)
    assert.equal(stdout, '')
  }
  await assert.rejects(readFile(folder.tokens), /ENOENT/)
})

test('a token ends after a time, or with a day', () => {
  const now = new Date('2026-01-30T10:00:00Z')
  for (const [text, end] of [
    ['12h', '2026-01-30T22:00:00.000Z'],
    ['1d', '2026-01-31T10:00:00.000Z'],
    ['2w', '2026-02-13T10:00:00.000Z'],
    ['2026-01-30', '2026-01-31T00:00:00.000Z'],
    ['2028-02-29', '2028-03-01T00:00:00.000Z'],
    ['never', 'never'],
  ] as const) {
    assert.equal(endIn(text, now), end)
  }
  for (const text of [
    '',
    '90',
    '0d',
    '-1d',
    '1y',
    '2026-01-29',
    '2027-02-29',
    '2026-13-01',
    '999999w',
    '2026-1-1',
    '1d ',
  ]) {
    assert.throws(() => endIn(text, now), { name: 'UsageError' }, text)
  }
})
