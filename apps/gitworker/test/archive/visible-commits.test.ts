import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { temporaryFolder } from '@sluice/shared/testing/folder'
import { git, importHistory, tryGit } from '@sluice/shared/testing/git'
import { ReferenceCache } from '../../src/cache/references/reference-cache.ts'
import { VisibleCommits } from '../../src/archive/visible-commits.ts'
import type { RunJob } from '../../src/process/job/job.ts'

/*
 *   main   1 ─ 2 ─ 3      tag v1.0 (annotated): 2, tag light: 1, tag blob: no commit
 *   secret 4              refs/hidden/secret, which clients are not shown
 *   lost   5              no reference any more
 */
const ids: Record<string, string> = {}
let gitDir: string
let folder: Awaited<ReturnType<typeof temporaryFolder>>
const jobs: (readonly string[])[] = []

const runJob: RunJob = async (args, { okCodes = [0] } = {}) => {
  jobs.push(args)
  const { code, stdout, stderr } = await tryGit('/', args)
  if (!okCodes.includes(code ?? -1)) throw new Error(stderr)
  return stdout
}

before(async () => {
  folder = await temporaryFolder()
  gitDir = folder.path
  await git(gitDir, ['init', '--quiet', '--bare', '.'])
  await importHistory(gitDir, 3)
  const put = async (name: string, ref: string, args: readonly string[]) => {
    ids[name] = await git(gitDir, args)
    if (ref !== '') await git(gitDir, ['update-ref', ref, ids[name]])
  }
  const commit = (message: string) => ['commit-tree', '-m', message, 'main^{tree}']
  for (const [name, revision] of [
    ['1', 'main~2'],
    ['2', 'main~1'],
    ['3', 'main'],
  ] as const) {
    await put(name, '', ['rev-parse', revision])
  }
  await git(gitDir, ['tag', '-a', '-m', 'One', 'v1.0', ids['2']!])
  await git(gitDir, ['tag', 'light', ids['1']!])
  await git(gitDir, ['tag', 'blob', 'main:file-1.txt'])
  await git(gitDir, ['update-ref', 'refs/heads/feature/x', ids['1']!])
  await git(gitDir, ['update-ref', 'refs/heads/light', ids['3']!])
  await put('secret', 'refs/hidden/secret', commit('Secret'))
  await put('lost', '', commit('Lost'))
  await git(gitDir, ['config', 'transfer.hideRefs', 'refs/hidden'])
})
after(() => folder[Symbol.asyncDispose]())

const owner = { id: 'request', signal: new AbortController().signal }
const commitsWith = (answers?: ReferenceCache, knowsHidden = true) =>
  new VisibleCommits({ runJob, answers, build: '', knowsHidden })

async function found(ref: string, commits = commitsWith()): Promise<string> {
  try {
    const id = await commits.find(gitDir, ref, owner)
    return Object.keys(ids).find((name) => ids[name] === id) ?? id
  } catch (error) {
    return error instanceof Refusal ? error.reason : String(error)
  }
}

test('references are found as git finds them, tags before branches, and followed to their commits', async () => {
  for (const [ref, name] of [
    ['HEAD', '3'],
    ['main', '3'],
    ['refs/heads/main', '3'],
    ['heads/main', '3'],
    ['feature/x', '1'],
    ['v1.0', '2'],
    ['refs/tags/v1.0', '2'],
    ['light', '1'],
    ['heads/light', '3'],
  ] as const) {
    assert.equal(await found(ref), name, ref)
  }
})

test('a commit is found by its id, or the beginning of it, if a reference leads to it that clients see', async () => {
  for (const name of ['1', '2', '3']) {
    assert.equal(await found(ids[name]!), name)
    assert.equal(await found(ids[name]!.slice(0, 9)), name)
  }
  assert.equal(await found(await git(gitDir, ['rev-parse', 'v1.0'])), '2')
})

test('hidden references, what only they lead to, and what none leads to are as missing as what there is not', async () => {
  const tree = await git(gitDir, ['rev-parse', 'main^{tree}'])
  const blob = await git(gitDir, ['rev-parse', 'main:file-1.txt'])
  for (const ref of [
    'hidden/secret',
    'refs/hidden/secret',
    ids['secret']!,
    ids['secret']!.slice(0, 9),
    ids['lost']!,
    ids['lost']!.slice(0, 9),
    tree,
    blob,
    'blob',
    'nothing',
    'refs/heads',
    'heads',
    'f'.repeat(40),
    'abcdef0',
  ]) {
    assert.equal(await found(ref), 'archive_missing', ref)
  }
  assert.equal(await found(ids['1']!, commitsWith(undefined, false)), 'archive_missing')
})

test('no name is an option, a pattern, a range or an expression, and such names cost no process', async () => {
  const jobsBefore = jobs.length
  const names = '-o --output=x --remote=y ma*n [m]ain main^ main~1 main^{tree} main@{0} @ @{-1} :/One main:file-1.txt'
  for (const ref of [...names.split(' '), 'a..b', '../x', 'a b', 'a\nb', 'a\0b', '/main', 'main/', 'a//b', 'x.lock']) {
    assert.equal(await found(ref), 'bad_archive_name', ref)
    assert.throws(() => commitsWith().lookUp(gitDir, ref), Refusal)
  }
  assert.equal(jobs.length, jobsBefore)
})

test('what git has answered is known without git until a reference changes, also that there is nothing', async () => {
  using answers = new ReferenceCache({ racyWindowMs: -60_000 })
  const commits = commitsWith(answers)
  assert.equal(commits.lookUp(gitDir, 'main'), undefined)
  assert.equal(await found('main', commits), '3')
  assert.equal(commits.lookUp(gitDir, 'main'), ids['3'])
  assert.equal(await found('later', commits), 'archive_missing')
  assert.throws(() => commits.lookUp(gitDir, 'later'), Refusal)
  await git(gitDir, ['update-ref', 'refs/heads/later', ids['1']!])
  assert.equal(commits.lookUp(gitDir, 'main'), undefined)
  assert.equal(commits.lookUp(gitDir, 'later'), undefined)
})

test('an empty repository has no archive', async () => {
  await using empty = await temporaryFolder()
  await git(empty.path, ['init', '--quiet', '--bare', '.'])
  await writeFile(join(empty.path, 'config'), '[core]\n\trepositoryformatversion = 0\n\tbare = true\n')
  for (const ref of ['HEAD', 'main', ids['1']!]) {
    await assert.rejects(commitsWith().find(empty.path, ref, owner), (error) => {
      return error instanceof Refusal && error.reason === 'archive_missing'
    })
  }
})
