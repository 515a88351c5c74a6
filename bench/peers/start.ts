import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startApache } from './apache.ts'
import type { Contestant, ContestantName, Place } from './contestant.ts'
import { startGitAlone } from './git-alone.ts'
import { Missing } from './missing.ts'
import { startNginx } from './nginx.ts'
import { startSluice } from './sluice.ts'

const starters = {
  sluice: startSluice,
  nginx: startNginx,
  apache: startApache,
  git: startGitAlone,
} as const satisfies Record<ContestantName, (place: Place) => Promise<Contestant>>

export type Contestants = { readonly list: readonly Contestant[]; readonly missing: readonly string[] }

/** Starts all contestants that can be started. `stop` gets what must be ended, even if this fails halfway. */
export async function startContestants(
  names: readonly ContestantName[],
  root: string,
  stop: AsyncDisposableStack,
): Promise<Contestants> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-run-'))
  stop.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))
  // A server may run as another user.
  await chmod(folder, 0o755)
  const list: Contestant[] = []
  const missing: string[] = []
  for (const name of names) {
    const place = { root, folder: join(folder, name) }
    await mkdir(place.folder)
    try {
      list.push(stop.use(await starters[name](place)))
    } catch (error) {
      if (!(error instanceof Missing)) throw new Error(`${name} does not start.`, { cause: error })
      missing.push(error.message)
    }
  }
  return { list, missing }
}
