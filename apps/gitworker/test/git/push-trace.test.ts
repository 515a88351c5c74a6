import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wordsOfPush } from '../../src/git/push-trace.ts'

/** Lines of git's trace of a push before it starts index-pack, and lines that a client might forge. */

const line = (text: string) => `22:35:06.337067 run-command.c:655       trace: ${text}\n`
const builtIn = line('built-in: git receive-pack --stateless-rpc -- /srv/r.git')
const settings = "GIT_ALTERNATE_OBJECT_DIRECTORIES='/srv/a b.git/./objects' GIT_OBJECT_DIRECTORY=/srv/o"

test('the quarantine, and the keep file of a push that is indexed', () => {
  const command = `git index-pack --stdin --pack_header=2,9 '--keep=receive-pack 32752 on example' --fix-thin`
  const trace =
    builtIn + line(`run_command: ${settings} GIT_QUARANTINE_PATH='/srv/it'\\''s, a b.git/o/incoming-1' ${command}`)
  assert.deepEqual(wordsOfPush(trace), {
    quarantine: "/srv/it's, a b.git/o/incoming-1",
    keep: 'receive-pack 32752 on example',
    pid: 32752,
  })
})

test('the quarantine of a push that is unpacked', () => {
  const trace =
    builtIn + line(`run_command: ${settings} GIT_QUARANTINE_PATH=/srv/r.git/objects/incoming-1 git unpack-objects -q`)
  assert.deepEqual(wordsOfPush(trace), { quarantine: '/srv/r.git/objects/incoming-1' })
})

test('the temporary file of a push from a shallow history', () => {
  const said = (file: string) =>
    wordsOfPush(
      line(`run_command: GIT_QUARANTINE_PATH=/r/objects/incoming-1 git --shallow-file ${file} unpack-objects`),
    )
  assert.deepEqual(said('/r/shallow_g8yAQp'), { quarantine: '/r/objects/incoming-1', shallowFile: '/r/shallow_g8yAQp' })
  assert.deepEqual(said("''"), { quarantine: '/r/objects/incoming-1' })
})

const forged = line('run_command: GIT_QUARANTINE_PATH=/srv/r.git/objects/incoming-victim git index-pack --stdin')
const silent = {
  'no words at all': '',
  'a line that is not whole': builtIn + forged.slice(0, -1),
  'a push that only deletes, with an option that holds a line of its own': `${builtIn}${line(
    `run_command: GIT_PUSH_OPTION_0='x\n${forged}' GIT_PUSH_OPTION_COUNT=1 hooks/pre-receive`,
  )}`,
  'a hook before anything else': builtIn + line('run_command: hooks/pre-receive') + forged,
  'another command': builtIn + line('run_command: GIT_QUARANTINE_PATH=/q/incoming-1 git rev-list --objects'),
  'a word among arguments': builtIn + line('run_command: git index-pack GIT_QUARANTINE_PATH=/q/incoming-1'),
}
for (const [what, trace] of Object.entries(silent)) {
  test(`nothing is known from ${what}`, () => assert.equal(wordsOfPush(trace), undefined))
}
