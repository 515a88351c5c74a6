import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readRulesFile } from '../../src/rules/rules-file.ts'
import { findToken, problemOf, rightsOfToken } from '../../src/tokens/token-check.ts'
import { readTokenFile } from '../../src/tokens/token-file.ts'
import { digestOf, newTokenText } from '../../src/tokens/token-text.ts'

const good = {
  right: 'write',
  repositories: ['team/**'],
  created: '2026-01-01T00:00:00Z',
  expires: '2026-04-01T00:00:00Z',
}

function lineFor(more: object = {}) {
  const { id, text } = newTokenText()
  const line = JSON.stringify({ id, sha256: digestOf(text).toString('hex'), ...good, ...more })
  return { id, text, line }
}

test('a token is found by its whole text only', () => {
  const [one, other] = [lineFor(), lineFor()]
  const file = readTokenFile(`# comment\r\n\n${one.line}\r\n${other.line}`, 'f')
  assert.equal(findToken(file, one.text)?.id, one.id)
  assert.equal(findToken(file, other.text)?.id, other.id)
  for (const text of ['', one.id, newTokenText().text, one.text.replace(one.id, other.id), `${one.text} `]) {
    assert.equal(findToken(file, text), undefined, text)
  }
})

test('a token does no more than it says, and no more than its user may', () => {
  const rules = readRulesFile(
    `rules:
  - { repositories: [team/**, open/**], read: users, write: ann, create: ann }
  - { repositories: '**', read: anyone }`,
    'f',
  )
  const rightsOf = (more: object, repository: string) => {
    const { line, id } = lineFor(more)
    const { rights, mayCreate } = rightsOfToken(readTokenFile(line, 'f').tokens.get(id)!, repository, rules)
    return mayCreate ? `${rights} create` : rights
  }
  for (const [more, repository, expected] of [
    [{ user: 'ann', right: 'create' }, 'team/x', 'write create'],
    [{ user: 'ann', right: 'create' }, 'team/x.git', 'write create'],
    [{ user: 'ann', right: 'write' }, 'team/x', 'write'],
    [{ user: 'ann', right: 'read' }, 'team/x', 'read'],
    [{ user: 'ann', right: 'create' }, 'open/x', 'none'],
    [{ user: 'ann', right: 'create', repositories: ['other', 'open/*'] }, 'open/x', 'write create'],
    [{ user: 'ben', right: 'create' }, 'team/x', 'read'],
    [{ user: 'ben', right: 'create', repositories: ['**'] }, 'else', 'read'],
    [{ right: 'create' }, 'team/x', 'write create'],
    [{ right: 'read' }, 'team/x', 'read'],
    [{ right: 'create' }, 'else', 'none'],
    [{ right: 'create' }, 'Team/x', 'none'],
  ] as const) {
    assert.equal(rightsOf(more, repository), expected, `${JSON.stringify(more)} ${repository}`)
  }
})

test('a token ends with its time, and with its user', () => {
  const tokenFor = (more: object) => {
    const { line, id } = lineFor(more)
    return readTokenFile(line, 'f').tokens.get(id)!
  }
  const users = new Set(['ann'])
  const end = Date.parse(good.expires)
  assert.equal(problemOf(tokenFor({}), users, end - 1), undefined)
  assert.match(problemOf(tokenFor({}), users, end)!, /expired/)
  assert.equal(problemOf(tokenFor({ expires: 'never' }), users, 1e15), undefined)
  assert.equal(problemOf(tokenFor({ user: 'ann' }), users, 0), undefined)
  assert.match(problemOf(tokenFor({ user: 'ben' }), users, 0)!, /no user any more/)
})

test('a file that is not right is refused with the number of the line, and without its content', () => {
  const { line, id } = lineFor()
  for (const [other, problem] of [
    ['{', /^Error: line 2 of f is not valid JSON$/],
    ['[]', /^Error: line 2 of f: /],
    [line, /^Error: line 2 of f has the id of a token before it$/],
    [lineFor({ id: 'short' }).line, /^Error: line 2 of f: id: /],
    [lineFor({ sha256: 'x' }).line, /^Error: line 2 of f: sha256: /],
    [lineFor({ right: 'all' }).line, /^Error: line 2 of f: right: /],
    [lineFor({ repositories: [] }).line, /^Error: line 2 of f: repositories: /],
    [lineFor({ expires: 'tomorrow' }).line, /^Error: line 2 of f: expires: /],
    [lineFor({ expires: undefined }).line, /^Error: line 2 of f: expires: /],
    [lineFor({ user: '' }).line, /^Error: line 2 of f: user: /],
    [lineFor({ secret: 'x' }).line, /^Error: line 2 of f: .*secret/],
  ] as const) {
    assert.throws(
      () => readTokenFile(`${line}\n${other}\n`, 'f'),
      (error: Error) => problem.test(String(error)) && !error.message.includes(id),
      other,
    )
  }
  assert.throws(() => readTokenFile(`\ufeff${line}\n`, 'f'), /f begins with a byte order mark/)
})

test('lines that have not changed are not read again', () => {
  const lines = [lineFor(), lineFor(), lineFor()]
  const before = readTokenFile(lines.map(({ line }) => line).join('\n'), 'f')
  const after = readTokenFile(`${lines[2]!.line}\n${lines[0]!.line}\n`, 'f', before)
  assert.deepEqual([...after.tokens.keys()], [lines[2]!.id, lines[0]!.id])
  assert.equal(after.tokens.get(lines[0]!.id), before.tokens.get(lines[0]!.id))
  assert.equal(findToken(after, lines[1]!.text), undefined)
})
