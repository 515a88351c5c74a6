import { join } from 'node:path'
import type { RunLongJob } from '../../process/job/long-job.ts'
import { syncHead } from '../../repository/default-branch.ts'
import { beginningOf } from '../../repository/repository.ts'
import type { References } from './listing.ts'

/**
 * Points HEAD to the branch that the upstream's leads to, if it is here. Where the upstream does not say, HEAD stays as it
 * is, or, where it leads to nothing, gets the first of main, master and the others.
 */
export async function followHead(
  gitDir: string,
  head: string | undefined,
  references: References,
  run: RunLongJob,
  signal: AbortSignal,
): Promise<void> {
  const now = /^ref: (\S+)\n$/.exec(beginningOf(join(gitDir, 'HEAD')) ?? '')?.[1]
  const wanted = head !== undefined && references.has(head) ? head : branchFor(now, references)
  if (wanted === undefined) return
  const bytes = Buffer.from(wanted, 'latin1')
  const text = bytes.toString()
  // git's arguments are text: a name of other bytes cannot be one.
  if (text === now || !Buffer.from(text).equals(bytes)) return
  await run([`--git-dir=${gitDir}`, 'symbolic-ref', 'HEAD', text], { signal, fetches: gitDir })
  await syncHead(gitDir)
}

function branchFor(now: string | undefined, references: References): string | undefined {
  if (now !== undefined && references.has(now)) return undefined
  const usual = ['refs/heads/main', 'refs/heads/master'].find((name) => references.has(name))
  return usual ?? references.keys().find((name) => name.startsWith('refs/heads/'))
}
