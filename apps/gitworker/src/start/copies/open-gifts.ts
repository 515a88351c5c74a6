import { Lane } from '@sluice/shared/admission/lane'
import { makeAndKeep } from '../../administration/change/create-empty.ts'
import { keysOf } from '../../administration/operation/found-repository.ts'
import { newPlace } from '../../administration/operation/new-place.ts'
import { laneReasons } from '../../capacity/admission.ts'
import { Gifts } from '../../copies/giving/gifts.ts'
import { Giver } from '../../copies/giving/giver.ts'
import type { ReceiveServices } from '../../copies/giving/receive-repository.ts'
import type { GiftServices } from '../../copies/giving/serve-gift.ts'
import type { StartGit } from '../../copies/git-stream.ts'
import type { HostLinks } from '../../copies/link/host-links.ts'
import type { CopiesParts } from './open-copies.ts'

/** How many repositories of other hosts get a name of this host at once. */
const receivingLane = { slots: 2, largestShare: 1, queueLength: 64, queueTimeout: 86_400_000, reasons: laneReasons }

type Fetched = Omit<ReceiveServices, 'startGit' | 'hold' | 'make' | 'onReceived' | 'receiving'> & {
  readonly links: HostLinks
}

/**
 * What brings repositories to names that other hosts keep.
 *
 * @param streams makes a way to start git, with a lane of its own
 */
export function openGifts(
  parts: CopiesParts,
  streams: () => StartGit,
  fetched: Fetched,
): { readonly gifts: Gifts; readonly giver: Giver; readonly received: GiftServices } {
  const { config, cluster, workers, onFollowed: onReceived, ending, log } = parts
  const gifts = new Gifts()
  const { copyTimeout } = config
  const reader = { startGit: streams(), runJob: workers.runJob }
  const giver = new Giver({ ...fetched, gifts, reader, copyTimeout, ending })
  const hold = (repository: string) => cluster.placement.holdForOperator(repository)
  const how = { startGit: streams(), hold, make: makeNewIn(parts), onReceived, receiving: new Lane(receivingLane) }
  return { gifts, giver, received: { ...fetched, ...how, log } }
}

/** Makes a repository under a name that is free, as operators do. */
function makeNewIn({ storage: { root }, moving: { turns }, newRepositories }: CopiesParts): ReceiveServices['make'] {
  return async (repository, making) => {
    const target = newPlace(root, repository)
    using _turn = turns.take(keysOf(repository), 'create')
    await makeAndKeep(newRepositories.maker, root, repository, target, making)
  }
}
