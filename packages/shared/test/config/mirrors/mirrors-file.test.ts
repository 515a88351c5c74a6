import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readMirrorsFile } from '@sluice/shared/config/mirrors/mirrors-file'
import { selectRefs } from '@sluice/shared/config/mirrors/ref-selection'

const one = async (entry: string, more = '') => {
  const text = `${more}\nmirrors:\n  - {repository: a/b.git, upstream: "https://h.example/x.git"${entry}}\n`
  return (await readMirrorsFile(text, '/f'))[0]!
}

test('an entry has defaults, those of the file, and its own', async () => {
  const { repository, refresh, interval, refs } = await one('')
  assert.deepEqual([repository, refresh, interval, refs.words], ['a/b', 'interval', 600_000, ['heads', 'tags']])
  const defaults = 'defaults: {interval: 5m, refresh: on-fetch, refs: all}'
  const said = await one(', interval: 1h', defaults)
  assert.deepEqual([said.interval, said.refresh, said.refs.refspecs], [3_600_000, 'on-fetch', ['+refs/*:refs/*']])
})

test('credentials are chosen by the upstream’s host, unless the entry has its own', async () => {
  const common = 'credentials: {"https://h.example": {token_file: /t}, "https://other": {token_file: /o}}'
  assert.deepEqual((await one('', common)).credentials, { token_file: '/t' })
  assert.deepEqual((await one(', credentials: {command: /c}', common)).credentials, { command: '/c' })
})

test('an empty file has no mirrors', async () => {
  assert.deepEqual(await readMirrorsFile('', '/f'), [])
})

const upstream = (address: string) => `mirrors: [{repository: x, upstream: ${JSON.stringify(address)}}]`

for (const [text, words] of [
  [upstream('ssh://h/x'), /an upstream is an address such as/],
  [upstream('ext::sh'), /an upstream is an address such as/],
  [upstream('git@h:x'), /an upstream is an address such as/],
  [upstream('https://u:p@h/x'), /must not have a user or a password/],
  [upstream('https://h/x?y'), /has no \? and no #/],
  [upstream('https://h/x\ny'), /no spaces/],
  [upstream('file:///a/../b'), /an upstream is an address such as/],
  ['mirrors: [{repository: ../x, upstream: "https://h/x"}]', /cannot be the name of a repository/],
  ['mirrors: [{repository: x, upstream: "https://h/x", interval: 3}]', /interval: here should be a time/],
  ['mirrors: [{repository: x, upstream: "https://h/x", refs: main}]', /refs: here should be heads/],
  ['mirrors: [{repository: x, upstream: "https://h/x", push: forward}]', /always refused/],
  ['mirrors: [{repository: x, upstream: "https://h/x", credentials: {user: a}}]', /a user and a password_file/],
  ['mirrors: [{repository: x, upstream: "file:///x", credentials: {command: /c}}]', /takes no credentials/],
  ['mirrors:\n- {repository: x, upstream: "https://h/x"}\n- {repository: x.git, upstream: "https://h/x"}', /line 3/],
  ['mirrors: &a []\nother: *a', /aliases/],
  ['mirrors: [', /not valid YAML/],
  ['mirrors: []\ndefaults: {}\nmirrors: []', /"mirrors" is there twice \(line 3\)/],
] as const) {
  test(`is refused in words: ${text.replaceAll('\n', ' ')}`, async () => {
    await assert.rejects(readMirrorsFile(text, '/f'), words)
  })
}

test('references are chosen as git chooses them by refspecs', () => {
  const { includes, refspecs } = selectRefs(['heads', 'refs/notes/x', '^refs/heads/tmp/*'])
  assert.deepEqual(refspecs, ['+refs/heads/*:refs/heads/*', '+refs/notes/x:refs/notes/x', '^refs/heads/tmp/*'])
  const chosen = ['refs/heads/a', 'refs/heads/tmp/a', 'refs/notes/x', 'refs/notes/y', 'refs/tags/a', 'refs/heads/']
  assert.deepEqual(chosen.filter(includes), ['refs/heads/a', 'refs/notes/x'])
})

test('very many keys are refused at the cost of reading them', async () => {
  const text = Array.from({ length: 60_000 }, (_, index) => `k${index}: 1\n`).join('')
  const before = process.cpuUsage()
  await assert.rejects(readMirrorsFile(text, '/f'), /nrecognized|keys/)
  // Half a second; comparing all with all takes half a minute and more.
  assert.ok(process.cpuUsage(before).user < 10_000_000)
})
