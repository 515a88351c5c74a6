import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRefRules, refRulesBy } from '../../src/git/ref-rules.ts'
import { checkRepositoryName, plainName } from '../../src/git/repository-name.ts'
import { lookUpBy, parsePatternTable } from '../../src/git/repository-pattern.ts'

const plainNames = ['web', 'team/web', 'team/.hidden', 'git', 'a.git.b', 'team/x.gits', 'team/git', 'Team/Web', 'ä/安']
const endings = ['.git', '/.git', '.git/.git', '.git.git', '.GIT', '/.Git', '.git.GIT/.git']
const patterns = [
  '**',
  '*',
  'web',
  'team/*',
  'team/**',
  '*/web',
  '**/*eb',
  't?am/[a-w]*',
  '**/.hidden',
  'Team/**',
  'ä/*',
]

const ways = plainNames.flatMap((plain) =>
  [plain, ...endings.map((ending) => plain + ending)].map((name) => ({ plain, name })),
)

test('however a repository is addressed, its plain name is the same', () => {
  for (const { plain, name } of ways) {
    checkRepositoryName(name)
    assert.equal(plainName(name), plain, name)
    assert.equal(plainName(plainName(name)), plain, name)
  }
})

test('no way of addressing a repository gets another limit or another rule', () => {
  for (const pattern of patterns) {
    const limits = parsePatternTable(`${pattern}=1`, Number)
    assert.ok(limits && !('problem' in limits))
    const limitOf = lookUpBy(limits)
    const table = parseRefRules(`${pattern}:refs/heads/main=nobody`)
    assert.ok(!('problem' in table))
    const rulesOf = refRulesBy(table)
    for (const { plain, name } of ways) {
      assert.equal(limitOf(name), limitOf(plain), `${pattern} ${name}`)
      assert.equal(rulesOf([name]) === undefined, limitOf(plain) === undefined, `${pattern} ${name}`)
    }
  }
})
