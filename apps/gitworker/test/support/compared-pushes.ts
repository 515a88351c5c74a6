import assert from 'node:assert/strict'
import { join } from 'node:path'
import { git, tryGit } from '@sluice/shared/testing/git'
import { writeHook } from '@sluice/shared/testing/hook'
import { TwoHosts } from './two-hosts.ts'

export type ComparedPushes = AsyncDisposable & {
  readonly hosts: TwoHosts
  /** A work tree with four commits on `main`. */
  readonly work: string
  /** Pushes from the work tree, and compares the two hosts. @returns what git said */
  readonly push: (repository: string, ...args: string[]) => Promise<string>
  /** Runs `git config` in a repository of the first host. */
  readonly configure: (repository: string, ...args: string[]) => Promise<string>
  /** Gives a repository of the first host a hook. */
  readonly hook: (repository: string, name: string, script: string) => Promise<void>
}

/** Two hosts, and pushes to the first one, which must leave the same at both. */
export async function openComparedPushes(): Promise<ComparedPushes> {
  await using opening = new AsyncDisposableStack()
  const hosts = opening.use(await TwoHosts.open())
  const work = await hosts.makeWorkTree(4)
  const opened = opening.move()
  const gitDirOf = (repository: string) => join(hosts.folder, 'one', repository)
  return {
    hosts,
    work,
    push: async (repository, ...args) => {
      const { code, stderr } = await tryGit(work, ['push', ...args])
      assert.equal(code, 0, stderr)
      await hosts.assertSame(repository, args.join(' '))
      return stderr
    },
    configure: (repository, ...args) => git(gitDirOf(repository), ['config', ...args]),
    hook: (repository, name, script) => writeHook(gitDirOf(repository), name, script),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
