import type { IncomingMessage, ServerResponse } from 'node:http'
import { checkRepositoryName, plainName } from '@sluice/shared/git/repository-name'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import { findRepository } from '../../repository/repository.ts'
import { checkPrimarysClaim } from '../copy/term/current-term.ts'
import { NotFollowedError } from '../copy/term/not-followed-error.ts'
import type { Terms } from '../copy/term/terms.ts'
import { answerTold, messageOf, readBody, refuse, signEveryMs } from './told-line.ts'
import type { RepositoryTurns } from '../repository-turns.ts'
import type { SlotView } from '../slot-view.ts'
import { maxToldTrashBytes, readToldPurge, readTrashAsked } from '../trash/told-trash.ts'
import type { PurgeAnswer, RemovedHere, RemovedTrash, ToldPurge, TrashedThere, TrashLine } from '../trash/told-trash.ts'

/** This host's own trash. */
export type TrashHere = {
  /** The latest first. @throws where it cannot be read */
  list(): Promise<readonly TrashedThere[]>
  /** @throws {Refusal} where something must stay, or cannot be removed */
  remove(removed: RemovedTrash): Promise<RemovedHere>
}

export type TrashServices = {
  readonly root: string
  readonly view: SlotView
  readonly terms: Terms
  readonly turns: RepositoryTurns
  readonly trashHere: TrashHere
  readonly log: Logger
}

/** A large repository takes its time. A disk that takes longer does not answer. Milliseconds. */
const longestRemovalMs = 10 * 60_000

/** Removes what the primary of a repository wants gone. */
export async function servePurge(
  services: TrashServices,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const answer = async (told: ToldPurge, onProgress: () => void): Promise<PurgeAnswer> => {
    using _signing = signsOfLife(onProgress)
    try {
      return await removed(services, told)
    } catch (error) {
      services.log.warn({ err: error, ...told }, 'did not remove from the trash what the primary wants gone')
      return { failed: wordsOf(error) }
    }
  }
  await answerTold(incoming, outgoing, { maxBytes: maxToldTrashBytes, read: readToldPurge, answer })
}

/** @throws {NotFollowedError}; {Refusal} */
async function removed({ root, view, terms, turns, trashHere, log }: TrashServices, told: ToldPurge) {
  const { repository, term, primary, ...rest } = told
  checkRepositoryName(repository)
  if (plainName(repository) !== repository) throw new NotFollowedError('This is no plain name.', false)
  const claim = { repository, term, primary }
  await checkPrimarysClaim(view, terms, claim)
  const wanted = { repository, ...rest }
  // A large one takes long, and a new repository of this name takes pushes meanwhile.
  const before = await trashHere.remove(wanted)
  return await turns.take(repository, async () => {
    // It may have waited for long. What was told before this may have moved another one into the trash.
    await checkPrimarysClaim(view, terms, claim)
    const now = await trashHere.remove(wanted)
    const done = { isRemoved: before.isRemoved || now.isRemoved, dropped: before.dropped + now.dropped }
    if (done.isRemoved || done.dropped > 0) {
      log.info({ ...told, ...done }, 'removed a deleted repository from the trash for good, as its primary has told')
    }
    return { ...done, hasIt: findRepository(root, repository) !== undefined }
  })
}

/** Lists what the trash of this host has. */
export async function serveTrash(
  { trashHere }: Pick<TrashServices, 'trashHere'>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  if (!readTrashAsked((await readBody(incoming, maxToldTrashBytes)) ?? '')) {
    return refuse(outgoing, 400, 'This is not what a host of this version asks.')
  }
  outgoing.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
  using _signing = signsOfLife(() => outgoing.write('\n'))
  try {
    for (const entry of await trashHere.list()) outgoing.write(lineOf(entry))
    outgoing.end(lineOf({ end: true }))
  } catch (error) {
    outgoing.end(lineOf({ failed: wordsOf(error) }))
  }
}

function wordsOf(error: unknown): string {
  return (error instanceof Refusal ? error.sentence : messageOf(error)).slice(0, 5000)
}

function lineOf(line: TrashLine): string {
  return `${JSON.stringify(line)}\n`
}

/** Not for ever. */
function signsOfLife(onProgress: () => void): Disposable {
  const until = performance.now() + longestRemovalMs
  const timer = setInterval(() => {
    if (performance.now() < until) onProgress()
  }, signEveryMs)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
