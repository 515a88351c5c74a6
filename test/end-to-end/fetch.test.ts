import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'

/** What stock git can fetch in each protocol version, through gateway, supervisor and worker. */

let stack: Stack
let source: string
let cloneCount = 0

before(async () => {
  stack = await startStack()
  source = join(stack.root, 'team/project.git')
  await git(stack.folder, ['init', '--quiet', '--bare', source])
  await importHistory(source, 20)
  await git(source, ['tag', '-a', 'v1', '-m', 'Version 1', 'main~10'])
  await git(source, ['branch', 'side', 'main~5'])
  // Before version 2, git lets a partial clone ask for missing objects only if the repository allows it.
  await git(source, ['config', 'uploadpack.allowAnySHA1InWant', 'true'])
})
after(() => stack[Symbol.asyncDispose]())

const url = () => `${stack.url}/team/project.git`

/** Clones into a new folder and returns it. */
async function clone(args: readonly string[] = [], from = url()): Promise<string> {
  const folder = join(stack.folder, `clone-${++cloneCount}`)
  await git(stack.folder, ['clone', '--quiet', ...args, from, folder])
  return folder
}

const countCommits = async (folder: string, ref = 'HEAD') => Number(await git(folder, ['rev-list', '--count', ref]))

for (const version of [0, 1, 2]) {
  describe(`protocol version ${version}`, () => {
    const config = ['-c', `protocol.version=${version}`]

    test('a clone has every commit, branch and tag, and passes fsck', async () => {
      const folder = await clone(config)
      assert.equal(await git(folder, ['rev-parse', 'HEAD']), await git(source, ['rev-parse', 'main']))
      assert.equal(
        await git(folder, ['rev-parse', 'origin/side', 'v1']),
        await git(source, ['rev-parse', 'side', 'v1']),
      )
      assert.equal(await countCommits(folder), 20)
      await git(folder, ['fsck', '--full', '--strict'])
      const line = await stack.supervisor.line((l) => l['kind'] === 'rpc' && l['protocolVersion'] === version)
      assert.equal(line['outcome'], 'completed')
    })

    test('an incremental fetch brings only what is new', async () => {
      const folder = await clone(config)
      await git(source, ['branch', `new-${version}`, await commitOn('main', `Version ${version}`)])
      const { stderr } = await tryGit(folder, ['fetch', '--progress', 'origin'])
      assert.match(stderr, new RegExp(`\\[new branch\\] +new-${version} `))
      assert.match(stderr, /Total 1 /)
      assert.equal(
        await git(folder, ['rev-parse', `origin/new-${version}`]),
        await git(source, ['rev-parse', `new-${version}`]),
      )
    })

    test('ls-remote lists exactly what the repository has', async () => {
      const listed = await git(stack.folder, [...config, 'ls-remote', url()])
      const here = await git(source, ['show-ref', '--head', '--dereference'])
      assert.deepEqual(sorted(listed), sorted(here))
    })

    test('shallow clones can be deepened and made whole', async () => {
      const folder = await clone([...config, '--depth', '3'])
      assert.equal(await countCommits(folder), 3)
      await git(folder, ['fetch', '--quiet', '--deepen', '4'])
      assert.equal(await countCommits(folder), 7)
      await git(folder, ['fetch', '--quiet', '--unshallow'])
      assert.equal(await countCommits(folder), 20)
    })

    test('a clone can be shallow by date and by ref', async () => {
      const since = await clone([...config, '--shallow-since', '2020-01-16T00:00:00Z'])
      assert.equal(await countCommits(since), 5)
      const exclude = await clone([...config, '--single-branch', '--shallow-exclude', 'v1'])
      assert.equal(await countCommits(exclude), 10)
    })

    test('a clone without blobs fetches them when they are needed', async () => {
      const folder = await clone([...config, '--filter=blob:none', '--no-checkout'])
      const missing = await git(folder, ['rev-list', '--objects', '--missing=print', 'HEAD'])
      assert.equal(missing.split('\n').filter((line) => line.startsWith('?')).length, 20)
      await git(folder, ['checkout', '--quiet', 'main'])
      assert.equal(await readFile(join(folder, 'file-20.txt'), 'utf8'), 'This is file 20.\n')
    })

    test('a partial clone can be finished, or is a full clone', async () => {
      const here = join(stack.root, `plain-${version}.git`)
      await git(stack.folder, ['init', '--quiet', '--bare', here])
      await importHistory(here, 3)
      const isPartial = async () => {
        const args = [...config, '--filter=blob:none', '--no-checkout']
        const folder = await clone(args, `${stack.url}/plain-${version}.git`)
        const missing = await git(folder, ['rev-list', '--objects', '--missing=print', 'main'])
        await git(folder, ['checkout', '--quiet', 'main'])
        assert.equal(await readFile(join(folder, 'file-3.txt'), 'utf8'), 'This is file 3.\n')
        return missing.includes('?')
      }
      const offersByItself = version === 2
      assert.equal(await isPartial(), offersByItself)
      for (const [setting, value, offers] of [
        ['allowReachableSHA1InWant', 'yes', true],
        ['allowReachableSHA1InWant', 'no', offersByItself],
        ['allowAnySHA1InWant', 'true', true],
      ] as const) {
        await git(here, ['config', `uploadpack.${setting}`, value])
        assert.equal(await isPartial(), offers, `${setting}=${value}`)
      }
    })

    test('a clone without trees has commits only', async () => {
      const folder = await clone([...config, '--filter=tree:0', '--no-checkout'])
      const present = await git(folder, [
        'rev-list',
        '--objects',
        '--missing=allow-any',
        '--filter-print-omitted',
        'HEAD',
      ])
      assert.ok(present.length > 0)
      const kinds = await git(folder, ['cat-file', '--batch-all-objects', '--batch-check=%(objecttype)'])
      assert.deepEqual(new Set(kinds.split('\n')), new Set(['commit', 'tag']))
    })

    test('a single branch comes alone', async () => {
      const folder = await clone([...config, '--single-branch', '--branch', 'side', '--no-tags'])
      assert.equal(await git(folder, ['branch', '--remotes', '--format=%(refname)']), 'refs/remotes/origin/side')
      assert.equal(await git(folder, ['tag']), '')
    })

    test('an empty repository clones as empty', async () => {
      const name = `empty-${version}.git`
      await git(stack.folder, ['init', '--quiet', '--bare', join(stack.root, name)])
      const folder = await clone(config, `${stack.url}/${name}`)
      assert.equal((await tryGit(folder, ['rev-parse', 'HEAD'])).code, 128)
    })
  })
}

test('a repository with SHA-256 names clones', async () => {
  const repository = join(stack.root, 'sha256.git')
  await git(stack.folder, ['init', '--quiet', '--bare', '--object-format=sha256', repository])
  await importHistory(repository, 2)
  const folder = await clone([], `${stack.url}/sha256.git`)
  assert.match(await git(folder, ['rev-parse', 'HEAD']), /^[0-9a-f]{64}$/)
})

test('a repository with a work tree is served under its folder and under .git', async () => {
  const work = join(stack.root, 'work tree')
  await mkdir(work)
  await git(work, ['init', '--quiet'])
  await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'One'])
  for (const name of ['work%20tree', 'work%20tree/.git']) {
    assert.equal(await countCommits(await clone([], `${stack.url}/${name}`)), 1)
  }
})

test('a bare repository is found with and without its ending', async () => {
  assert.equal(await countCommits(await clone([], `${stack.url}/team/project`)), 20)
})

test('names may have slashes, spaces, percent signs and letters beyond ASCII', async () => {
  for (const name of ['a/b/c/deep.git', 'with space.git', '100%.git', 'häuser/日本.git', 'plus+and&.git']) {
    const repository = join(stack.root, name)
    await git(stack.folder, ['init', '--quiet', '--bare', repository])
    await importHistory(repository, 1)
    const encoded = name.split('/').map(encodeURIComponent).join('/')
    assert.equal(await countCommits(await clone([], `${stack.url}/${encoded}`)), 1, name)
  }
  assert.equal(await countCommits(await clone([], `${stack.url}/häuser/日本.git`)), 1, 'unencoded')
})

test('10,000 refs are listed and cloned, which takes request bodies in gzip and beyond 64 KiB', async () => {
  const repository = join(stack.root, 'many-refs.git')
  await git(stack.folder, ['init', '--quiet', '--bare', repository])
  await importHistory(repository, 100)
  const commits = (await git(repository, ['rev-list', 'main'])).split('\n')
  const tree = await git(repository, ['rev-parse', 'main^{tree}'])
  const extra = await manyCommits(repository, tree, 9900)
  const updates = [...commits, ...extra].map((id, index) => `create refs/heads/b/${index} ${id}\n`).join('')
  await git(repository, ['update-ref', '--stdin'], { input: updates })
  await git(repository, ['pack-refs', '--all'])
  for (const version of [0, 2]) {
    const config = ['-c', `protocol.version=${version}`]
    const listed = await git(stack.folder, [...config, 'ls-remote', '--heads', `${stack.url}/many-refs.git`])
    assert.equal(listed.split('\n').length, 10_001)
    const folder = await clone([...config, '--mirror'], `${stack.url}/many-refs.git`)
    assert.equal(await git(folder, ['rev-list', '--all', '--count']), '10000')
  }
  const large = stack.supervisor.lines.filter(
    (line) => line['repository'] === 'many-refs.git' && line['kind'] === 'rpc',
  )
  assert.ok(large.some((line) => Number(line['bytesIn']) > 64 * 1024))
})

/** Commits without parents, so that each must be asked for by name. */
async function manyCommits(repository: string, tree: string, count: number): Promise<string[]> {
  const marks = Array.from({ length: count }, (_, index) => index + 1)
  const input = marks
    .map(
      (mark) =>
        `reset refs/import\ncommit refs/import\nmark :${mark}\ncommitter A User <user@example.org> ${1_600_000_000 + mark} +0000\n` +
        `data 1\nx\nM 040000 ${tree} \n`,
    )
    .join('')
  await git(repository, ['fast-import', '--quiet', '--export-marks=marks'], { input })
  await git(repository, ['update-ref', '-d', 'refs/import'])
  const exported = await readFile(join(repository, 'marks'), 'utf8')
  return exported
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[1]!)
}

function sorted(text: string): string[] {
  return text.replaceAll('\t', ' ').split('\n').toSorted()
}

async function commitOn(parent: string, message: string): Promise<string> {
  return git(source, ['commit-tree', '-p', parent, '-m', message, `${parent}^{tree}`])
}
