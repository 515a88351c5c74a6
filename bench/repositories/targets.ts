import { chown, cp, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { git } from '@sluice/shared/testing/git'
import type { Contestant } from '../peers/contestant.ts'

/** Repositories that are pushed to. Each contestant has its own. All are removed at the end of the run. */
export type Targets = AsyncDisposable & {
  /**
   * Makes a copy of a repository, or an empty one.
   *
   * @returns its name below the root
   */
  create(contestant: Contestant, original?: string): Promise<string>
  remove(name: string): Promise<void>
}

export function targetsBelow(root: string): Targets {
  const runs = join('runs', String(process.pid))
  let count = 0
  return {
    async create(contestant, original) {
      const name = join(runs, `${contestant.name}-${count++}.git`)
      const path = join(root, name)
      await mkdir(path, { recursive: true })
      if (original === undefined) await git(path, ['init', '--quiet', '--bare', '.'])
      else await cp(join(root, original), path, { recursive: true })
      // The settings of a careful operator: the objects of a push are checked everywhere, and stay in their pack.
      const settings = { 'http.receivepack': 'true', 'receive.fsckObjects': 'true', 'receive.autogc': 'false' }
      for (const [key, value] of Object.entries(settings)) await git(path, ['config', key, value])
      if (contestant.owner) await giveTo(contestant.owner, path)
      return name
    },
    remove: (name) => rm(join(root, name), { recursive: true, force: true, maxRetries: 3 }),
    [Symbol.asyncDispose]: () => rm(join(root, runs), { recursive: true, force: true, maxRetries: 3 }),
  }
}

async function giveTo({ uid, gid }: { uid: number; gid: number }, path: string): Promise<void> {
  await chown(path, uid, gid)
  const entries = await readdir(path, { recursive: true })
  await Promise.all(entries.map((entry) => chown(join(path, entry), uid, gid)))
}
