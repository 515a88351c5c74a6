import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/** SLUICE_HOOKS_FOLDER: the operator's hooks, before a repository's own. */

const names = ['pre-receive', 'update', 'reference-transaction', 'post-receive', 'post-update']

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let operators: string
let stack: Stack
let bare: string
let work: string
let count = 0

/** Each hook writes what it was given to a file beside the operator's hooks, and does what a file there says. */
const teller = (whose: string) => `#!/bin/sh
name=\${0##*/}
case $name in update | post-update) input= ;; *) input=$(cat | cksum) ;; esac
echo "${whose} $name $* [$input] $(git config core.hooksPath) $GIT_CONFIG_PARAMETERS" >>"$TOLD"
test -e "$TOLD.${whose}.$name" && { echo "${whose} $name says no" >&2; exit 3; }
exit 0
`

before(async () => {
  // A name that a shell would split.
  folder = await temporaryFolder()
  operators = join(folder.path, `operator's "hooks" $(x) \\`)
  await mkdir(operators)
  const told = join(folder.path, 'told')
  for (const name of names) await addHook(operators, name, teller('operator').replaceAll('$TOLD', told))
  await writeFile(join(operators, 'README.md'), '')
  await writeFile(join(operators, 'pre-receive.sample'), '')
  await mkdir(join(operators, 'lib'))
  stack = await startStack({ SLUICE_HOOKS_FOLDER: operators })
})
after(async () => {
  await stack[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})
beforeEach(async () => {
  await rm(join(folder.path, 'told'), { force: true })
  const name = `hooks-${++count}`
  bare = join(stack.root, `${name}.git`)
  await git(stack.folder, ['init', '--quiet', '--bare', bare])
  await importHistory(bare, 2)
  await git(stack.folder, ['clone', '--quiet', `${stack.url}/${name}.git`, name])
  work = join(stack.folder, name)
})

async function addHook(to: string, name: string, script: string): Promise<void> {
  await mkdir(to, { recursive: true })
  await writeFile(join(to, name), script)
  await chmod(join(to, name), 0o755)
}

const addOwn = async (which = names, to = join(bare, 'hooks')) => {
  for (const name of which) await addHook(to, name, teller('own').replaceAll('$TOLD', join(folder.path, 'told')))
}

const told = async () =>
  (await readFile(join(folder.path, 'told'), 'utf8').catch(() => ''))
    .split('\n')
    .filter(Boolean)
    .map((line) => line.trim())

async function saysNo(who: string): Promise<AsyncDisposable> {
  const path = join(folder.path, `told.${who}`)
  await writeFile(path, '')
  return { [Symbol.asyncDispose]: () => rm(path) }
}

const push = (...refs: string[]) => tryGit(work, ['push', 'origin', ...refs])

/** The hooks that ran, without what they were given. */
const who = (lines: string[]) => lines.map((line) => line.split(' ').slice(0, 2).join(' '))

test('they run for a repository without hooks, and before its own, with the same arguments and input', async () => {
  assert.equal((await push('main:refs/heads/a')).code, 0)
  const alone = await told()
  assert.deepEqual([...new Set(who(alone))].toSorted(), names.map((name) => `operator ${name}`).toSorted())
  await rm(join(folder.path, 'told'))
  await addOwn()
  assert.equal((await push('main:refs/heads/b')).code, 0)
  const both = await told()
  assert.equal(both.length, 2 * alone.length)
  for (let index = 0; index < both.length; index += 2) {
    const [first = '', second = ''] = both.slice(index)
    assert.ok(first.startsWith('operator '))
    assert.equal(second, first.replace('operator', 'own'))
    assert.match(first, /\[\d* ?\d*\]$/, 'with nothing of our configuration')
  }
})

test('they run before hooks that are in another folder', async () => {
  for (const hooksPath of ['elsewhere', join(bare, 'else where')]) {
    await rm(join(folder.path, 'told'), { force: true })
    await addOwn(['post-receive'], join(bare, hooksPath.startsWith('/') ? 'else where' : hooksPath))
    await git(bare, ['config', 'core.hooksPath', hooksPath])
    assert.equal((await push(`main:refs/heads/${hooksPath.length}`)).code, 0)
    const heard = await told()
    assert.deepEqual(who(heard).slice(-3), ['operator post-receive', 'own post-receive', 'operator post-update'])
    assert.match(heard.at(-2) ?? '', new RegExp(`\\] ${hooksPath}$`))
  }
  await git(bare, ['config', 'core.hooksPath', '/dev/null'])
  await rm(join(folder.path, 'told'))
  assert.equal((await push('main:refs/heads/none')).code, 0)
  assert.ok(who(await told()).every((line) => line.startsWith('operator ')))
})

describe('if a hook fails,', () => {
  for (const name of ['pre-receive', 'update', 'reference-transaction']) {
    for (const whose of ['operator', 'own']) {
      test(`the ${whose === 'own' ? 'repository’s' : 'operator’s'} ${name} refuses the push`, async () => {
        await addOwn()
        await using _ = await saysNo(`${whose}.${name}`)
        const { code, stderr } = await push('main:refs/heads/refused')
        assert.equal(code, 1)
        // git itself dies of the last one, and says so only in the log.
        if (name !== 'reference-transaction') assert.match(stderr, new RegExp(`remote: ${whose} ${name} says no`))
        assert.equal((await tryGit(bare, ['rev-parse', '--verify', '--quiet', 'refused'])).code, 1)
        const heard = who(await told())
        const asked = (line: string) => line.startsWith(`own ${name} `) && !line.includes(' aborted ')
        assert.equal((await told()).some(asked), whose === 'own')
        assert.ok(!heard.includes('operator post-receive'))
      })
    }
  }

  test('the operator’s update lets the other references be pushed', async () => {
    await addOwn(['update'])
    const path = join(bare, 'hooks/update')
    await writeFile(path, '#!/bin/sh\ntest "$1" != refs/heads/bad\n')
    const { stderr } = await push('main:refs/heads/good', 'main:refs/heads/bad')
    assert.match(stderr, /\[remote rejected\] main -> bad \(hook declined\)/)
    assert.equal((await tryGit(bare, ['rev-parse', '--verify', '--quiet', 'good'])).code, 0)
  })

  test('the operator’s post-receive refuses nothing, and the repository’s own still runs', async () => {
    await addOwn()
    await using _one = await saysNo('operator.post-receive')
    await using _two = await saysNo('operator.post-update')
    const { code, stderr } = await push('main:refs/heads/done')
    assert.equal(code, 0)
    assert.match(stderr, /remote: operator post-receive says no/)
    assert.deepEqual(who(await told()).slice(-2), ['operator post-update', 'own post-update'])
  })
})

test('if an operator’s hook can no longer run, pushes are refused', async () => {
  await addOwn()
  await chmod(join(operators, 'pre-receive'), 0o644)
  try {
    assert.equal((await push('main:refs/heads/through')).code, 1)
  } finally {
    await chmod(join(operators, 'pre-receive'), 0o755)
  }
  assert.deepEqual(who(await told()), [])
})

test('a push is refused if the script that runs hooks is gone, because git would ignore the hooks', async () => {
  await addOwn()
  const script = join(stack.folder, 'run/hook.sh')
  await rename(script, `${script}.gone`)
  try {
    const { code, stderr } = await push('main:refs/heads/through')
    assert.equal(code, 1)
    assert.match(stderr, /cannot run the hooks of this repository/)
    const line = await stack.supervisor.line(({ reason }) => reason === 'hooks_unusable')
    assert.match(JSON.stringify(line['err']), /hook\.sh is not there any more/)
  } finally {
    await rename(`${script}.gone`, script)
  }
  assert.deepEqual(await told(), [])
  assert.equal((await push('main:refs/heads/through')).code, 0)
})

test('input larger than a pipe reaches both hooks, and a hook that reads nothing blocks nobody', async () => {
  const id = await git(work, ['rev-parse', 'main'])
  const lines = Array.from({ length: 600 }, (_, index) => `create refs/tags/${'n'.repeat(200)}-${index} ${id}\n`)
  await git(work, ['update-ref', '--stdin'], { input: lines.join('') })
  await addOwn(['pre-receive'])
  for (const name of ['post-receive', 'reference-transaction']) {
    await addHook(join(bare, 'hooks'), name, '#!/bin/sh\nexit 0\n')
  }
  const { code, stderr } = await push('--quiet', '--atomic', 'refs/tags/*')
  assert.equal(code, 0, stderr)
  const [first = '', second = ''] = (await told()).filter((line) => line.includes(' pre-receive '))
  assert.equal(second, first.replace('operator', 'own'))
  // A line has two ids and the name, with spaces between and a line feed.
  const bytes = lines.reduce((sum, line) => sum + line.length - 'create '.length + 41, 0)
  assert.match(first, new RegExp(`\\[\\d+ ${bytes}\\]`))
})
