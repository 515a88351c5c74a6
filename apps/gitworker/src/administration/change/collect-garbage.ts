import { setInterval as every } from 'node:timers/promises'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { JobError } from '../../process/job/job.ts'
import type { RunJob } from '../../process/job/job.ts'
import type { RunLongJob } from '../../process/job/long-job.ts'
import { commonDirOf } from '../../repository/repository.ts'
import { removeStaleGcLock } from '../gc/gc-lock.ts'
import { foundRepository } from '../operation/found-repository.ts'
import { borrowersOf } from '../lending/borrowers.ts'
import { isPrecious, lend, stopLending } from '../lending/lend.ts'
import { diskSize, temporaryPackBytes } from '../look/disk-size.ts'
import type { DiskSize } from '../look/disk-size.ts'
import type { MoveNotes } from '../move/move-notes.ts'
import { whileNothingMoves } from '../move/while-nothing-moves.ts'
import type { OperationOf, Progress } from '../operation/operation.ts'
import { progressLines } from '../../git/progress-lines.ts'
import type { Trash } from '../trash/trash.ts'
import type { Turns } from '../operation/turns.ts'

/*
 * What gc does, each step a git command in a worker:
 *
 *   nobody borrows   git gc: references are packed, reflogs and unreachable objects expire by git's own times (two weeks, or
 *                    what the repository's configuration says), and all else goes into one pack. Unreachable objects wait
 *                    in a pack of their own where git has cruft packs.
 *   somebody does    git gc, which packs references and leaves objects alone; then loose objects go into packs, and packs
 *                    into one. None of these commands ever removes the last copy of an object.
 *
 * A push keeps its objects in a quarantine until its references are about to move, and git leaves a quarantine alone for
 * two weeks. Whatever is younger than two weeks stays, reachable or not, so pushes and fetches may go on.
 */

export type GarbageServices = {
  readonly root: string
  readonly turns: Turns
  readonly trash: Trash
  readonly notes: MoveNotes
  readonly runJob: RunJob
  readonly runLongJob: RunLongJob
}

export type Collected = { readonly repository: string; readonly before: DiskSize; readonly after: DiskSize }

/** How often somebody who waits is told how far it is. */
const tellEveryMs = 2000

/** @throws {Refusal} `repository_missing`, `repository_busy`, `borrowers_unknown`; {JobError} where git fails */
export async function collectGarbage(
  { root, turns, trash, notes, runJob, runLongJob }: GarbageServices,
  { repository }: OperationOf<'gc'>,
  progress: Progress,
): Promise<Collected> {
  const { gitDir, keys } = foundRepository(root, repository)
  using _turn = turns.take(keys, 'gc')
  removeStaleGcLock(commonDirOf(gitDir))
  const before = await diskSize(gitDir)
  const borrowers = await whileNothingMoves(notes, () => borrowersOf(gitDir, root, trash))
  if (borrowers.length === 0) await stopLending(gitDir, runJob)
  // git gc itself must know, of one that was made with `git clone --shared`, too.
  else await lend(gitDir, runJob)
  const keepsAll = borrowers.length > 0 || (await isPrecious(gitDir, runJob))
  if (borrowers.length > 0) progress.tell(`others borrow from it (${borrowers.length}), so no object is removed`)
  using _telling = tellBytes(gitDir, progress)
  const run = async (steps: readonly Step[]) => {
    for (const [what, args] of steps) {
      progress.tell(what)
      await runStep(['--git-dir', gitDir, ...args], runLongJob, progress)
    }
  }
  await run(keepsAll ? stepsThatKeepAll : steps)
  if (keepsAll && (await diskSize(gitDir)).packs > 1) await run(stepsForPacks)
  return { repository, before, after: await diskSize(gitDir) }
}

/** What is told, and git's arguments. */
type Step = readonly [what: string, args: readonly string[]]

const gc = ['-c', 'gc.cruftPacks=true', 'gc'] as const

const steps: readonly Step[] = [['packing references and objects', gc]]

const stepsThatKeepAll: readonly Step[] = [
  ['packing references', gc],
  ['packing loose objects', ['maintenance', 'run', '--quiet', '--task=loose-objects']],
  ['removing loose objects that are in packs', ['prune-packed', '--quiet']],
]

const stepsForPacks: readonly Step[] = [
  ['looking at the packs', ['multi-pack-index', 'write', '--no-progress']],
  ['putting packs together', ['multi-pack-index', 'repack', '--no-progress', '--batch-size=0']],
  ['removing packs that are in others', ['multi-pack-index', 'expire', '--no-progress']],
]

async function runStep(args: readonly string[], runLongJob: RunLongJob, { signal, tell }: Progress): Promise<void> {
  try {
    await runLongJob(args, { signal, onWords: progressLines(tell) })
  } catch (error) {
    if (!(error instanceof JobError) || !/gc is already running/.test(error.message)) throw error
    throw new Refusal('repository_busy', {
      sentence: 'Maintenance, or a git gc of somebody else, is at work in this repository. Try again when it is over.',
      cause: error,
    })
  }
}

/** git says nothing of its progress unless on a terminal. What it has written so far can be seen. */
function tellBytes(gitDir: string, { tell, signal }: Progress): Disposable {
  const over = new AbortController()
  const tellNow = async () => {
    for await (const _ of every(tellEveryMs, undefined, {
      signal: AbortSignal.any([signal, over.signal]),
      ref: false,
    })) {
      const bytes = await temporaryPackBytes(gitDir)
      if (bytes > 0) tell(`${Math.round(bytes / 2 ** 20)} MiB of new packs written`)
    }
  }
  tellNow().catch(() => {})
  return { [Symbol.dispose]: () => over.abort() }
}
