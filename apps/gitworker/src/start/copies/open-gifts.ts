import { Lane } from '@sluice/shared/admission/lane'
import { makeAndKeep } from '../../administration/change/create-empty.ts'
import { purgeHere } from '../../administration/change/purge-repository.ts'
import { withdrawRepository } from '../../administration/change/discard-copy.ts'
import { keysOf } from '../../administration/operation/found-repository.ts'
import { newPlace } from '../../administration/operation/new-place.ts'
import { laneReasons } from '../../capacity/admission.ts'
import { Gifts } from '../../copies/giving/gifts.ts'
import { Giver } from '../../copies/giving/giver.ts'
import type { ReceiveServices } from '../../copies/giving/receive-repository.ts'
import { NewTerms } from '../../copies/giving/new-terms.ts'
import type { OutcomeServices } from '../../copies/giving/outcome.ts'
import type { GiftServices } from '../../copies/giving/serve-gift.ts'
import { UndecidedGifts } from '../../copies/giving/undecided-gifts.ts'
import type { UndecidedServices } from '../../copies/giving/undecided-gifts.ts'
import { confirmCopies } from '../../copies/primary/confirm-copies.ts'
import type { SlotNames } from '../../copies/slot-names.ts'
import type { OtherTrashes } from '../../copies/trash/other-trashes.ts'
import type { StartGit } from '../../copies/git-stream.ts'
import type { HostLinks } from '../../copies/link/host-links.ts'
import type { CopiesParts } from './open-copies.ts'
import { movingIn } from './trash-here.ts'

/** How many repositories of other hosts get a name of this host at once. */
const receivingLane = { slots: 2, largestShare: 1, queueLength: 64, queueTimeout: 86_400_000, reasons: laneReasons }

type Fetched = Omit<
  ReceiveServices,
  'startGit' | 'hold' | 'make' | 'onReceived' | 'receiving' | 'undecided' | 'enter'
> & {
  readonly links: HostLinks
  readonly names: SlotNames
  readonly otherTrashes: Pick<OtherTrashes, 'remove'>
}

export type OpenedGifts = {
  readonly gifts: Gifts
  readonly giver: Giver
  readonly received: GiftServices
  /** What this host knows of renames from its names. */
  readonly outcomes: OutcomeServices
  /** Finds out about a repository that is not renamed to its name yet. */
  readonly lookAt: (repository: string) => void
}

/**
 * What brings repositories to names that other hosts keep.
 *
 * @param streams makes a way to start git, with a lane of its own
 * @param opened gets what is to be ended
 */
export function openGifts(
  parts: CopiesParts,
  streams: () => StartGit,
  fetched: Fetched,
  opened: AsyncDisposableStack,
): OpenedGifts {
  const { config, cluster, workers, moving, onFollowed: onReceived, ending, log } = parts
  const gifts = new Gifts()
  const { copyTimeout } = config
  const { root, view, names } = fetched
  const reader = { startGit: streams(), runJob: workers.runJob }
  const giver = new Giver({ ...fetched, gifts, reader, copyTimeout, ending })
  const hold = (repository: string) => cluster.placement.holdForOperator(repository)
  const isInTrash = (id: string, repository: string) => moving.trash.has(id, repository)
  const take = (repository: string, gitDir: string) => moving.turns.take(keysOf(repository, gitDir), 'rename')
  const outcomes = { root, gifts, isInTrash, hold, copies: fetched.copies, ending }
  const withdraw = withdrawIn(parts, fetched)
  const undecided = opened.use(new UndecidedGifts({ ...fetched, ...outcomes, copyTimeout, take, withdraw, log }))
  opened.use(new NewTerms({ root, view, names, undecided, log }))
  const how = { startGit: streams(), hold, make: makeNewIn(parts), onReceived, receiving: new Lane(receivingLane) }
  const received = { ...fetched, ...how, undecided, enter: enterIn(parts), log }
  return { gifts, giver, received, outcomes, lookAt: (repository) => undecided.look(repository) }
}

function enterIn({ users, answers }: CopiesParts): ReceiveServices['enter'] {
  return (gitDir) => {
    using entered = new DisposableStack()
    entered.use(users.enter(gitDir))
    if (answers) entered.use(answers.pushing(gitDir))
    return entered.move()
  }
}

/** A trash that cannot be reached keeps what is purged for a day, as it keeps anything else. */
function withdrawIn(parts: CopiesParts, { copies, otherTrashes }: Fetched): UndecidedServices['withdraw'] {
  const services = movingIn(parts)
  return async (repository, isMeant, tenure, isPurged) => {
    const entry = await withdrawRepository(services, repository, isMeant)
    await confirmCopies(copies, repository, tenure)
    if (!entry || !isPurged) return
    const removed = { repository, id: entry.id, withDropped: false }
    await otherTrashes.remove(removed, () => true).catch(() => {})
    await purgeHere(services, removed).catch(() => {})
  }
}

/** Makes a repository under a name that is free, as operators do. */
function makeNewIn({ storage: { root }, moving: { turns }, newRepositories }: CopiesParts): ReceiveServices['make'] {
  return async (repository, making) => {
    const target = newPlace(root, repository)
    using _turn = turns.take(keysOf(repository), 'create')
    await makeAndKeep(newRepositories.maker, root, repository, target, making)
  }
}
