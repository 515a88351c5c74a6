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
  const { slot, state, primary, next, term, copies, isShared } = keepers
  const moving = next === null ? '' : `, which hands it to ${nameOf(next, keepers)}`
  const inTerm = term === null ? '' : `, in term ${term}`
  return [
    ['slot', `${slot}: ${meanings[state]}`],
    ['primary', primary === null ? 'none' : `${nameOf(primary, keepers)}${moving}${inTerm}`],
    [isShared ? 'read from' : 'copies', copies.map((copy) => copyText(copy, keepers)).join(', ') || '-'],
  ]
}

/** `host-2 (in sync)`: has every acknowledged push. */
function copyText({ host, isLive, isInSync }: Keepers['copies'][number], keepers: Keepers): string {
  const states = [
    keepers.isShared ? '' : isInSync ? 'in sync' : isLive ? 'catching up' : 'behind',
    isLive ? '' : 'away',
  ]
  const said = states.filter((one) => one !== '').join(', ')
  return said === '' ? nameOf(host, keepers) : `${nameOf(host, keepers)} (${said})`
}

function nameOf(host: string, { here }: Keepers): string {
  return host === here ? `this host, ${host}` : host
}
