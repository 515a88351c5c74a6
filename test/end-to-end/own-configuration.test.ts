import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { git, importCommit, importHistory, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/** A repository's own configuration against Sluice's settings. */

let stack: Stack
let count = 0

before(async () => {
  stack = await startStack({ SLUICE_MAX_PUSH: '64KiB', SLUICE_PROTECTED_REFS: '**:refs/heads/main=no-force' })
})
after(() => stack[Symbol.asyncDispose]())

async function repositoryAndClone(
  on = stack,
  init: string[] = [],
): Promise<{ bare: string; work: string; url: string }> {
  const name = `own-${++count}`
  const bare = join(on.root, `${name}.git`)
  await git(on.folder, ['init', '--quiet', '--bare', ...init, bare])
  await importHistory(bare, 3)
  const url = `${on.url}/${name}.git`
  await git(on.folder, ['clone', '--quiet', url, name])
  return { bare, work: join(on.folder, name), url }
}

async function commit(work: string, name: string, bytes = 10): Promise<void> {
  // This does not compress.
  const content = Array.from({ length: bytes }, () => Math.random().toString(36)[5] ?? 'x').join('')
  await writeFile(join(work, name), content)
  await git(work, ['add', '.'])
  await git(work, ['commit', '--quiet', '-m', name])
}

const names = ['pre-receive', 'update', 'reference-transaction', 'post-receive', 'post-update']

describe('the git commands of hooks', () => {
  for (const own of [
    [],
    ['receive.autogc=true', 'receive.maxInputSize=0', 'receive.denyNonFastForwards=false', 'core.useReplaceRefs=true'],
    ['include.path=/nonexistent', 'receive.fsckObjects=false'],
  ]) {
    test(`find the repository’s configuration, and of Sluice’s settings only safe.directory: ${own.join(', ')}`, async () => {
      const { bare, work } = await repositoryAndClone()
      for (const setting of own) await git(bare, ['config', ...setting.split(/=(.*)/).slice(0, 2)])
      const seen = join(bare, 'seen')
      for (const name of names) {
        await writeHook(
          bare,
          name,
          `{ echo "== ${name}"; env | grep ^GIT_CONFIG_P; git config --show-scope --list; } >>seen`,
        )
      }
      await commit(work, 'new')
      await git(work, ['push', '--quiet', 'origin', 'main'])
      const listed = await git(bare, ['config', '--file', 'config', '--list', '--no-includes'])
      const expected = ['global\tsafe.directory=*', ...listed.split('\n').map((line) => `local\t${line}`)].join('\n')
      const blocks = (await readFile(seen, 'utf8')).split(/^== /m).slice(1)
      assert.deepEqual(new Set(blocks.map((block) => block.split('\n')[0])), new Set(names))
      for (const block of blocks) assert.equal(block.slice(block.indexOf('\n') + 1).trim(), expected)
    })
  }

  test('run where git runs them, by the names that git gives them, wherever the repository has them', async () => {
    for (const [hooksPath, expected] of [
      [undefined, 'hooks/post-receive'],
      ['elsewhere', 'elsewhere/post-receive'],
      ['it’s "here" \\', 'it’s "here" \\/post-receive'],
    ] as const) {
      const { bare, work } = await repositoryAndClone()
      const script = 'read line; printf "%s|%s|%s|%s" "$0" "$PWD" "$GIT_DIR" "$line" >"$(pwd)/seen"'
      await writeHook(bare, 'post-receive', script, hooksPath)
      if (hooksPath !== undefined) await git(bare, ['config', 'core.hooksPath', hooksPath])
      await commit(work, 'new')
      const [old, now] = [await git(bare, ['rev-parse', 'main']), await git(work, ['rev-parse', 'main'])]
      await git(work, ['push', '--quiet', 'origin', 'main'])
      const line = `${old} ${now} refs/heads/main`
      assert.equal(await readFile(join(bare, 'seen'), 'utf8'), [expected, bare, '.', line].join('|'))
    }
  })

  test('are those of git alone if the repository switches hooks off, or has some that may not be executed', async () => {
    const { bare, work } = await repositoryAndClone()
    await writeHook(bare, 'pre-receive', 'exit 1')
    await git(bare, ['config', 'core.hooksPath', '/dev/null'])
    await commit(work, 'new')
    await git(work, ['push', '--quiet', 'origin', 'main'])
    await git(bare, ['config', '--unset', 'core.hooksPath'])
    await commit(work, 'newer')
    assert.equal((await tryGit(work, ['push', '--quiet', 'origin', 'main'])).code, 1)
    await chmod(join(bare, 'hooks/pre-receive'), 0o644)
    await git(work, ['push', '--quiet', 'origin', 'main'])
  })

  test('of a work tree that is updated run where git runs them', async () => {
    const tree = join(stack.root, `checked-out-${++count}`)
    await git(stack.folder, ['clone', '--quiet', join(stack.root, `own-${count - 1}.git`), tree])
    await git(tree, ['config', 'receive.denyCurrentBranch', 'updateInstead'])
    const script = (name: string) => `echo "$0 $PWD" >"${tree}/${name}.seen"`
    await writeHook(
      join(tree, '.git'),
      'push-to-checkout',
      `${script('push-to-checkout')}; git read-tree -u -m HEAD "$1"`,
    )
    await writeHook(join(tree, '.git'), 'post-receive', script('post-receive'))
    const work = join(stack.folder, `from-tree-${count}`)
    await git(stack.folder, ['clone', '--quiet', `${stack.url}/checked-out-${count}`, work])
    await commit(work, 'new')
    await git(work, ['push', '--quiet', 'origin', 'main'])
    const seen = async (name: string) => (await readFile(join(tree, `${name}.seen`), 'utf8')).trim().replace('/./', '/')
    assert.equal(await seen('push-to-checkout'), `hooks/push-to-checkout ${tree}/.git`)
    assert.equal(await seen('post-receive'), `hooks/post-receive ${tree}/.git`)
    await rm(join(tree, '.git/hooks/push-to-checkout'))
    await writeHook(join(tree, '.git'), 'post-index-change', script('post-index-change'))
    await commit(work, 'newer')
    await git(work, ['push', '--quiet', 'origin', 'main'])
    assert.equal(await seen('post-index-change'), `${tree}/.git/hooks/post-index-change ${tree}`)
    for (const file of ['new', 'newer']) assert.ok(existsSync(join(tree, file)), 'the work tree has been updated')
  })

  test('a hook of a linked work tree is the repository’s hook', async () => {
    const { bare, work } = await repositoryAndClone()
    await writeHook(bare, 'pre-receive', 'echo "no, says the hook" >&2; exit 1')
    await git(bare, ['worktree', 'add', '--quiet', '-b', 'side', join(stack.root, `tree-${count}`), 'main'])
    await commit(work, 'new')
    const { stderr } = await tryGit(work, ['push', `${stack.url}/tree-${count}`, 'main:refs/heads/other'])
    assert.match(stderr, /no, says the hook/)
  })
})

describe('a default gives way to the repository', () => {
  test('uploadpack.allowFilter=false', async () => {
    const { bare, url } = await repositoryAndClone()
    const clone = async () => {
      const target = join(stack.folder, `clone-${++count}`)
      const { code, stderr } = await tryGit(stack.folder, ['clone', '--bare', '--filter=blob:none', url, target])
      assert.equal(code, 0, stderr)
      return !/filtering not recognized/.test(stderr)
    }
    assert.equal(await clone(), true)
    await git(bare, ['config', 'uploadpack.allowFilter', 'false'])
    assert.equal(await clone(), false)
    await git(bare, ['config', 'uploadpack.allowFilter', 'true'])
    assert.equal(await clone(), true)
  })

  for (const [name, value, isAccepted] of [
    ['transfer.fsckObjects', 'false', true],
    ['receive.fsckObjects', 'false', true],
    ['receive.fsck.missingEmail', 'ignore', true],
    ['receive.fsckObjects', 'true', false],
    ['fetch.fsckObjects', 'false', false],
  ] as const) {
    test(`${name}=${value}`, async () => {
      const { bare, work } = await repositoryAndClone()
      await git(bare, ['config', name, value])
      await pushMalformed(work, isAccepted)
    })
  }

  test('a repository may have objects checked when the server does not check them', async () => {
    await using lax = await startStack({ SLUICE_FSCK_OBJECTS: 'off' })
    for (const [name, isAccepted] of [
      [undefined, true],
      ['transfer.fsckObjects', false],
      ['receive.fsckObjects', false],
    ] as const) {
      const { bare, work } = await repositoryAndClone(lax)
      if (name !== undefined) await git(bare, ['config', name, 'true'])
      await pushMalformed(work, isAccepted)
    }
  })
})

async function pushMalformed(work: string, isAccepted: boolean): Promise<void> {
  const tree = await git(work, ['rev-parse', 'main^{tree}'])
  const input = `tree ${tree}\nauthor A User 1 +0000\ncommitter A User 1 +0000\n\nmalformed\n`
  const id = await git(work, ['hash-object', '-t', 'commit', '-w', '--literally', '--stdin'], { input })
  const { code, stderr } = await tryGit(work, ['push', 'origin', `${id}:refs/heads/malformed`])
  assert.equal(code === 0, isAccepted, stderr)
  if (!isAccepted) assert.match(stderr, /remote: error: object [0-9a-f]+: missingEmail/)
}

describe('a limit only ever gets stricter', () => {
  for (const [value, bytes, isAccepted] of [
    ['1k', 8000, false],
    ['1k', 100, true],
    ['0', 200_000, false],
    ['1g', 200_000, false],
    ['1g', 8000, true],
  ] as const) {
    test(`receive.maxInputSize=${value} and a push of ${bytes} bytes`, async () => {
      const { bare, work } = await repositoryAndClone()
      await git(bare, ['config', 'receive.maxInputSize', value])
      await commit(work, 'large', bytes)
      const { code, stderr } = await tryGit(work, ['push', 'origin', 'main'])
      assert.equal(code === 0, isAccepted, stderr)
      if (!isAccepted) assert.match(stderr, /exceeds maximum allowed size/)
    })
  }

  test('an included file cannot lift a limit', async () => {
    const { bare, work } = await repositoryAndClone()
    await writeFile(join(bare, 'more'), '[receive]\n\tmaxInputSize = 0\n\tdenyNonFastForwards = false\n')
    await git(bare, ['config', 'include.path', 'more'])
    await commit(work, 'large', 200_000)
    assert.match((await tryGit(work, ['push', 'origin', 'main'])).stderr, /exceeds maximum allowed size/)
    await git(work, ['reset', '--quiet', '--hard', 'HEAD~2'])
    await commit(work, 'other')
    assert.match((await tryGit(work, ['push', '--force', 'origin', 'main'])).stderr, /remote rejected|denying/)
  })

  test('a repository that wants automatic gc gets none during a request', async () => {
    const { bare, work } = await repositoryAndClone()
    for (const ref of ['x', 'y']) {
      await git(bare, ['fast-import', '--quiet'], {
        input: importCommit({ ref: `refs/heads/${ref}`, message: ref, file: ref, content: ref, time: 1_700_000_000 }),
      })
      await git(bare, ['repack', '-dq'])
    }
    for (const setting of ['gc.autoPackLimit=1', 'gc.autoDetach=false', 'receive.autogc=true', 'gc.auto=1']) {
      await git(bare, ['config', ...setting.split('=')])
    }
    const packs = async () => (await readdir(join(bare, 'objects/pack'))).filter((name) => name.endsWith('.pack'))
    const packsBefore = await packs()
    await commit(work, 'new')
    const { stderr } = await tryGit(work, ['push', 'origin', 'main'])
    assert.doesNotMatch(stderr, /packing|Enumerating objects.*remote/i)
    assert.deepEqual(new Set(packsBefore).difference(new Set(await packs())), new Set())
  })

  test('force is denied on a protected branch whatever the repository says', async () => {
    const { bare, work } = await repositoryAndClone()
    await git(bare, ['config', 'receive.denyNonFastForwards', 'false'])
    await git(work, ['reset', '--quiet', '--hard', 'HEAD~1'])
    await commit(work, 'other')
    const { stderr } = await tryGit(work, ['push', '--force', 'origin', 'main'])
    assert.match(stderr, /denying non-fast-forward/)
    await git(work, ['push', '--quiet', '--force', 'origin', 'main:refs/heads/free'])
  })
})
