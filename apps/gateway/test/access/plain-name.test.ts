import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readRulesFile } from '@sluice/access/rules/rules-file'
import { rightsOf } from '@sluice/access/jwt/token-scopes'

const plainNames = ['web', 'team/web', 'team/.hidden', 'git', 'a.git.b', 'team/git', 'Team/Web']
const endings = ['.git', '/.git', '.git/.git', '.git.git', '.GIT', '/.Git']
const patterns = ['**', '*', 'web', 'team/*', 'team/**', '*/web', '**/*eb', 't?am/[a-w]*', '**/.hidden']

test('however a repository is addressed, a user has the same rights to it, by rules and by scopes', () => {
  for (const pattern of patterns) {
    const rules = readRulesFile(
      `rules: [{ repositories: ${JSON.stringify(pattern)}, read: ann, write: ben, create: ben }]`,
      'f',
    )
    for (const plain of plainNames) {
      for (const name of endings.map((ending) => plain + ending)) {
        const where = `${pattern} ${name}`
        for (const user of ['ann', 'ben', undefined]) {
          assert.deepEqual(rules.rightsOf(name, user), rules.rightsOf(plain, user), where)
        }
        for (const right of ['read', 'write', 'create']) {
          const scope = `repo:${right}:${pattern} repo:write:${pattern}`
          assert.deepEqual(rightsOf(scope, name), rightsOf(scope, plain), where)
        }
      }
    }
  }
})
