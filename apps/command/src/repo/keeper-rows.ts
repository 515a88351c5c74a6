import type { Keepers } from '@sluice/gitworker/administration/look/cluster-look'

type Row = readonly [title: string, value: string]

const meanings: Readonly<Record<Keepers['state'], string>> = {
  kept: 'is read and pushed to',
  moving: 'is being handed over; pushes may wait for a moment',
  waiting: 'can only be read, until another host takes over',
  down: 'cannot be served: no host that has every push is up',
  new: 'no host has been chosen yet',
}

/** Who keeps a repository, in a cluster. */
export function keeperRows(keepers: Keepers): Row[] {
  const { slot, state, here, primary, next, term, copies, isShared } = keepers
  const moving = next === null ? '' : `, which hands it to ${next}`
  const isHere = primary === here ? ' (this host)' : ''
  const inTerm = term === null ? '' : `, in term ${term}`
  return [
    ['slot', `${slot}: ${meanings[state]}`],
    ['primary', primary === null ? 'none' : `${primary}${isHere}${moving}${inTerm}`],
    [isShared ? 'read from' : 'copies', copies.map((copy) => copyText(copy, keepers)).join(', ') || '-'],
  ]
}

/** `host-2 (in sync)`: has every acknowledged push. */
function copyText({ host, isLive, isInSync }: Keepers['copies'][number], { here, isShared }: Keepers): string {
  const state = isInSync ? 'in sync' : isLive ? 'catching up' : 'behind'
  const said = [host === here ? 'this host' : '', isShared ? '' : state, isLive ? '' : 'away'].filter(
    (one) => one !== '',
  )
  return said.length === 0 ? host : `${host} (${said.join(', ')})`
}
