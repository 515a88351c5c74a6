/** @import { ClusterStatus, HostInCluster, Move } from '../../placement/cluster-status.ts' */
/** @import { Problem } from '../../placement/cluster-problems.ts' */
import { byId, fill, fillBar, showIf, tableBody } from '../page/elements.js'
import { amount, time } from '../page/format.js'
import { rows } from '../page/rows.js'
import { colourOf, whenColoursChange } from './colours.js'

const apps = { gateway: 'gateway', supervisor: 'host', etcd: 'etcd' }

/** A moment is nothing: the next look may have been under way. */
const awayIsLongMs = 1500

/** @param {ClusterStatus} status */
export function showFacts({ by, awayForMs, revision, storage, copies, balancer }) {
  const isAway = awayForMs > awayIsLongMs
  byId('facts').dataset['isAway'] = String(isAway)
  fill(byId('facts'), {
    by: `${apps[by.app]} ${by.name}`,
    etcd: isAway ? `has not answered for ${time(awayForMs)}` : 'answers',
    revision: String(revision),
    storage:
      storage === undefined ? '–' : storage === 'shared' ? 'shared' : `own, ${amount(copies ?? 1, 'copy', 'copies')}`,
    balancer: balancer ?? 'none',
  })
}

const whatStops = {
  pushes: 'can only be read',
  everything: 'cannot be served',
  moves: 'get no other host',
}

const problemRows = rows({
  within: byId('problems'),
  template: 'problem',
  keyOf: (/** @type {Problem} */ { why }) => why,
  fillRow(row, { slots, stops, why }) {
    row.dataset['stops'] = stops
    fill(row, { what: `${amount(slots, 'slot', 'slots')} ${whatStops[stops]}.`, why })
  },
})

/** @param {readonly Problem[]} problems */
export function showProblems(problems) {
  problemRows.show(problems)
  showIf(byId('no-problems'), problems.length === 0)
}

/** @type {readonly HostInCluster[]} */
let hosts = []

const hostRows = rows({
  within: tableBody('hosts'),
  template: 'host',
  keyOf: (/** @type {{ host: HostInCluster }} */ { host }) => host.name,
  fillRow(row, /** @type {{ host: HostInCluster, status: ClusterStatus }} */ { host, status }) {
    const { name, address, isLive, isLeaving, isOnProbation, trouble } = host
    const { primaryOf, readableOf, behindOf, weight, zone, version } = host
    row.dataset['isLive'] = String(isLive)
    row.dataset['isTroubled'] = String(trouble !== undefined)
    fill(row, {
      name,
      role: status.balancer === name ? 'balances' : '',
      address: address ?? '',
      lease: !isLive ? 'gone' : isLeaving ? 'leaving' : 'live',
      trouble: trouble ?? (isOnProbation ? 'came and went: gets slots when it has lived for a while' : ''),
      primaryOf: String(primaryOf),
      readableOf: String(readableOf),
      behind: behindOf === 0 ? '' : `${isLive ? 'catching up with' : 'lacks'} ${behindOf}`,
      weight: String(weight ?? '–'),
      zone: zone ?? '–',
      version: version ?? '–',
    })
    fillBar(row, 'primaryOf', primaryOf / Math.max(status.slots.primaries.length, 1))
    colour(row)
  },
})

/** @param {ClusterStatus} status */
export function showHosts(status) {
  hosts = status.hosts
  const live = hosts.filter(({ isLive }) => isLive).length
  fill(byId('cluster'), { 'hosts-live': live === hosts.length ? String(live) : `${live} of ${hosts.length} live` })
  hostRows.show(hosts.map((host) => ({ host, status })))
}

/** The colour that the host has on the map. @param {HTMLElement} row */
function colour(row) {
  const name = row.querySelector('[data-field="name"]')?.textContent
  row.style.setProperty('--host', colourOf(hosts.findIndex((host) => host.name === name)))
}

const moveRows = rows({
  within: byId('moves'),
  template: 'move',
  keyOf: (/** @type {Move} */ { from, to }) => `${from} ${to}`,
  fillRow(row, { from, to, slots }) {
    fill(row, { from, to, slots: amount(slots, 'slot', 'slots') })
  },
})

/** @param {readonly Move[]} moves */
export function showMoves(moves) {
  moveRows.show(moves)
  showIf(byId('no-moves'), moves.length === 0)
}

whenColoursChange(() => tableBody('hosts').querySelectorAll('tr').forEach(colour))
