import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { git, tryGit } from '@sluice/shared/testing/git'
import { ask } from '@sluice/shared/testing/http'
import { startStack } from '@sluice/shared/testing/stack'
import type { Stack } from '@sluice/shared/testing/stack'
import { until } from '@sluice/shared/testing/until'

describe('maintenance', () => {
  let stack: Stack

  before(async () => {
    stack = await startStack({ SLUICE_MAINTENANCE: 'on' })
  })

  after(() => stack[Symbol.asyncDispose]())

  test('makes a heap of loose objects one pack after a push, and nothing is lost', async () => {
    const repository = await heap('heap.git')
    const refs = await git(repository, ['for-each-ref', '--format=%(objectname) %(refname)'])
    await push('heap.git')
    const line = await until('the repository is maintained', () => maintained('heap.git'))
    // The push has begun a reflog.
    const done = (line['done'] as string[]).filter((task) => task !== 'expire-reflogs')
    assert.deepEqual(done, ['pack-refs', 'repack-all', 'commit-graph'])
    assert.equal((await packsOf(repository)).length, 1)
    assert.ok(existsSync(join(repository, 'objects/info/commit-graph')))
    assert.ok(!existsSync(join(repository, 'gc.pid')))
    for (const ref of refs.split('\n')) {
      if (!ref.endsWith('/main')) assert.ok((await git(repository, ['show-ref'])).includes(ref), ref)
    }
    await git(stack.folder, ['clone', '--quiet', '--mirror', `${stack.url}/heap.git`, 'mirror'])
    assert.equal((await tryGit(repository, ['fsck', '--full', '--strict'])).code, 0)
    const { body } = await ask(stack.supervisor.operations, '/metrics')
    assert.match(body, /^sluice_maintenance_runs_total\{result="done",app="supervisor"\} [1-9]/m)
  })

  test('leaves a repository alone whose configuration says so', async () => {
    const repository = await heap('alone.git')
    await git(repository, ['config', 'maintenance.auto', 'false'])
    const other = await heap('other.git')
    await push('alone.git')
    await push('other.git')
    await until('the other one is maintained', () => maintained('other.git'))
    assert.equal((await packsOf(other)).length, 1)
    assert.equal((await packsOf(repository)).length, 0)
    assert.equal(maintained('alone.git'), undefined)
  })

  function maintained(name: string) {
    return stack.supervisor.lines.find((line) => line['msg'] === 'maintained' && line['repository'] === name)
  }

  /** A repository as thousands of small pushes leave it. */
  async function heap(name: string): Promise<string> {
    const repository = join(stack.root, name)
    await git(stack.root, ['init', '--quiet', '--bare', name])
    const commits = Array.from({ length: 400 }, (_, index) => {
      const text = `${name} ${index}\n`
      return (
        `commit refs/heads/${index % 4 === 0 ? `topic/${index}` : 'main'}\n` +
        `committer A <a@example.com> ${1_700_000_000 + index} +0000\ndata 1\nx\n` +
        `M 100644 inline file-${index % 7}\ndata ${text.length}\n${text}\n`
      )
    })
    await git(repository, ['-c', 'fastimport.unpackLimit=100000', 'fast-import', '--quiet'], {
      input: commits.join(''),
    })
    return repository
  }

  async function push(name: string): Promise<void> {
    const work = join(stack.folder, `work-${name}`)
    await git(stack.folder, ['clone', '--quiet', '--depth', '1', `${stack.url}/${name}`, work])
    await git(work, ['commit', '--quiet', '--allow-empty', '-m', 'One more'])
    await git(work, ['push', '--quiet'])
  }
})

async function packsOf(repository: string): Promise<string[]> {
  return (await readdir(join(repository, 'objects/pack'))).filter((name) => name.endsWith('.pack'))
}
