import { headIsNoGuess, settleHead } from '../../repository/default-branch.ts'
import { runFetch, fetchState } from '../copy/fetch-state.ts'
import type { FetchServices } from '../copy/fetch-state.ts'
import { takeAllObjects } from '../copy/take-objects.ts'
import type { ObjectServices } from '../copy/take-objects.ts'
import { objectPlaceOf } from '../object-store.ts'
import { readState } from '../state/read-state.ts'
import type { Receiving } from './receive-repository.ts'

/** What a fork gets: no reference that git does not advertise, and none of the origin's own bookkeeping. */
export const forkedReferences = ['+refs/heads/*:refs/heads/*', '+refs/tags/*:refs/tags/*'] as const

type FillServices = FetchServices & ObjectServices

/**
 * Brings all that copies get, twice: while pushes go on, and then what they have changed meanwhile.
 *
 * @throws as `fetchState` and `takeAllObjects`; {Error} where it is not the same in the end
 */
export async function fillWhole(services: FillServices, hidden: string, receiving: Receiving): Promise<void> {
  const { given, leaving, ending, onWords, ready } = receiving
  const { from, to } = given
  const place = objectPlaceOf(to, hidden)
  const first = { told: from, wanted: given.state, signal: leaving, onProgress: onWords }
  let state = await fetchState(services, hidden, await readState(hidden, services, leaving), first)
  if (given.hasObjects) await takeObjects(services, place, receiving, leaving)
  const last = await ready()
  if (state.digest !== last.digest) {
    state = await fetchState(services, hidden, state, { ...first, wanted: last.state, signal: ending })
  }
  if (last.hasObjects) await takeObjects(services, place, receiving, ending)
  if (state.digest !== last.digest) throw new Error('It is not the same here as at the host that gives it.')
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
  if (hasObjects) await takeObjects(services, objectPlaceOf(to, hidden), receiving, leaving)
  await services.sync(hidden, [])
  await ready()
}

async function takeObjects(
  services: ObjectServices,
  place: { readonly repository: string; readonly gitDir: string },
  { given, tell }: Receiving,
  signal: AbortSignal,
): Promise<void> {
  tell('copying objects of LFS')
  await takeAllObjects(services, given.from, place, { signal, onProgress: () => {} })
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
