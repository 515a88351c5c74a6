import { headIsNoGuess, settleHead } from '../../repository/default-branch.ts'
import { runFetch, fetchState } from '../copy/fetch-state.ts'
import type { FetchServices } from '../copy/fetch-state.ts'
import { takeAllObjects } from '../copy/take-objects.ts'
import type { ObjectServices, OnTaken } from '../copy/take-objects.ts'
import { objectPlaceOf } from '../object-store.ts'
import { readGivenMark, withGivenMark, withoutGivenMark } from '../../repository/given-mark.ts'
import type { GivenMark } from '../../repository/given-mark.ts'
import type { Finished, Given } from '../link/given.ts'
import type { ToldState } from '../link/told.ts'
import { readState, withReferences } from '../state/read-state.ts'
import type { RepositoryState } from '../state/read-state.ts'
import type { Receiving } from './receive-repository.ts'

/** What a fork gets: no reference that git does not advertise, and none of the origin's own bookkeeping. */
export const forkedReferences = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'] as const

type FillServices = FetchServices & ObjectServices

/**
 * Brings all that copies get, while pushes go on, and the mark of one whose old name is still there.
 *
 * @throws as `fetchState` and `takeAllObjects`
 */
export async function fillWhole(services: FillServices, hidden: string, receiving: Receiving): Promise<void> {
  const { given, leaving, onWords } = receiving
  const { from, state, hasObjects } = given
  const fetching = { told: from, wanted: withTexts(state), signal: leaving, onProgress: onWords }
  const before = await readState(hidden, services, leaving)
  await fetchState(marking(services, given), hidden, before, fetching)
  if (hasObjects) await takeObjects(services, objectPlaceOf(given.to, hidden), receiving)
  await checkMark(services, hidden, given)
}

/**
 * Brings what has changed meanwhile, when nobody changes it any more. It keeps its mark.
 *
 * @param onTaken gets the objects of LFS that were not there before
 * @throws as `fillWhole`; {Error} where it is not the same in the end
 */
export async function fillRest(
  services: FillServices,
  gitDir: string,
  receiving: Receiving,
  last: Finished,
  onTaken: OnTaken,
): Promise<void> {
  const { given, leaving, onWords } = receiving
  const fetching = { told: given.from, wanted: withTexts(last.state), signal: leaving, onProgress: onWords }
  const before = await readState(gitDir, services, leaving)
  // Most of them have not been changed meanwhile.
  const state = isSame(before, given, last)
    ? before
    : await fetchState(marking(services, given), gitDir, before, fetching)
  if (last.hasObjects) await takeObjects(services, objectPlaceOf(given.to, gitDir), receiving, onTaken)
  await checkMark(services, gitDir, given)
  if (!isSame(state, given, last)) throw new Error(isNotTheSame)
}

/** But for its mark. */
function isSame(state: RepositoryState, given: Given, { digest }: Finished): boolean {
  const plain = withoutGivenMark(state.config, markOf(given))
  return plain.some((config) => withReferences({ ...state, config }).digest === digest)
}

const isNotTheSame = 'It is not the same here as at the host that gives it.'

/** Without its mark, it would take pushes. */
async function checkMark({ runJob }: FillServices, gitDir: string, { from }: Given): Promise<void> {
  if ((await readGivenMark(gitDir, runJob))?.gift !== from.gift) throw new Error(isNotTheSame)
}

/** With texts that differ from all there are, so that they are asked for. */
function withTexts(state: ToldState): ToldState {
  return { ...state, texts: '' }
}

/** The giver's configuration is written with the mark, so that there is no moment without it. */
function marking(services: FillServices, given: Given): FillServices {
  const texts: FillServices['ask']['texts'] = async (...asked) => {
    const found = await services.ask.texts(...asked)
    return { ...found, config: withGivenMark(found.config, markOf(given)) }
  }
  return { ...services, ask: { ...services.ask, texts } }
}

function markOf({ from, trash }: Given): GivenMark {
  return { repository: from.repository, gift: from.gift, trash }
}

/** Brings what clients see: branches, tags and HEAD, and the objects of LFS. @throws as `runFetch` and `takeAllObjects` */
export async function fillFork(services: FillServices, hidden: string, receiving: Receiving): Promise<void> {
  const { given, leaving, onWords, ready } = receiving
  const { from, to, state, hasObjects } = given
  const { runJob } = services
  const wanted = { ...state, symbolic: [] }
  const fetching = { told: from, wanted, signal: leaving, onProgress: onWords }
  await runFetch(services, hidden, fetching, ['--atomic'], forkedReferences)
  await runJob(['--git-dir', hidden, 'pack-refs', '--all'], { signal: leaving })
  await pointHead(services, hidden, state.head)
  // Nothing tells which objects of LFS the branches need. Whoever asks for one must know its SHA-256.
  if (hasObjects) await takeObjects(services, objectPlaceOf(to, hidden), receiving)
  await services.sync(hidden, [])
  await ready()
}

async function takeObjects(
  services: ObjectServices,
  place: { readonly repository: string; readonly gitDir: string },
  { given, leaving: signal, tell }: Receiving,
  onTaken?: OnTaken,
): Promise<void> {
  tell('copying objects of LFS')
  await takeAllObjects(services, given.from, place, { signal, onProgress: () => {} }, onTaken)
}

/** Points the fork's HEAD to the same branch, if it has come along. Else it is a guess that the first push settles. */
async function pointHead({ runJob }: FillServices, hidden: string, head: string): Promise<void> {
  const inFork = ['--git-dir', hidden]
  const target = Buffer.from(/^ref: (refs\/heads\/.+)$/.exec(head)?.[1] ?? '', 'latin1').toString()
  const isThere =
    target !== '' && (await runJob([...inFork, 'for-each-ref', '--format=x', '--', target])).trim().startsWith('x')
  if (!isThere) return await settleHead(hidden, runJob)
  await runJob([...inFork, 'symbolic-ref', 'HEAD', target])
  await headIsNoGuess(hidden)
}
