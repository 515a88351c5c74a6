import type { ShownCluster } from '@sluice/gitworker/administration/look/cluster-look'
import type { HostInCluster } from '@sluice/shared/placement/cluster-status'
import { plainText } from '../../output/plain-text.ts'
import type { Screen } from '../../output/report.ts'
import { table } from '../../output/table.ts'
import { timeText } from '../../output/time-text.ts'
import { progressText } from './progress-text.ts'

/** A moment is nothing: the next look may have been under way. */
const awayIsLongMs = 1500

/** The cluster in lines for people: what is wrong comes first. */
export function statusText(cluster: ShownCluster, screen: Screen): string {
  const parts = [
    [headline(cluster, screen), ...problemLines(cluster, screen)].join('\n'),
    factLines(cluster, screen),
    hostTable(cluster, screen),
    moveLines(cluster),
    progressText(cluster.progress, screen),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

function headline({ slots: { counts, inAll }, problems }: ShownCluster, { paint }: Screen): string {
  const unserved = counts.down + counts.new
  const readOnly = problems.reduce((sum, { slots, stops }) => sum + (stops === 'pushes' ? slots : 0), 0)
  if (unserved > 0) return paint('red', `${share(unserved, inAll)} cannot be served.`)
  if (readOnly > 0) return paint('yellow', `${share(readOnly, inAll)} can only be read.`)
  return paint('green', 'All repositories can be read and pushed to.')
}

function share(slots: number, all: number): string {
  return slots === all ? 'All repositories' : `${counted(slots)} of ${all}`
}

const stopped = { pushes: 'can only be read', everything: 'cannot be served', moves: 'get no other host' }

function problemLines({ problems }: ShownCluster, { paint }: Screen): string[] {
  return problems.map(({ slots, stops, why }) => {
    const what = `${counted(slots)} ${stopped[stops]}:`
    return `  ${paint(stops === 'everything' ? 'red' : 'yellow', what)} ${plainText(why)}`
  })
}

function factLines(cluster: ShownCluster, { paint }: Screen): string {
  const { by, revision, awayForMs, storage, copies } = cluster
  const who = { supervisor: by.name, gateway: `gateway ${by.name}`, etcd: `etcd on ${by.name}` }[by.app]
  const isAway = awayForMs > awayIsLongMs
  const away = isAway ? paint('red', `, and etcd has not answered for ${timeText(awayForMs)}`) : ''
  const number = copies === 1 ? 'one copy' : `${copies ?? '?'} copies`
  const kept = {
    own: `own disks, ${number}`,
    shared: `a shared folder, read from ${copies === 1 ? 'one host' : `${copies} hosts`}`,
  }
  const rows = [
    ['seen by', `${who}, at revision ${revision}${away}`],
    ['storage', storage === undefined ? 'unknown' : kept[storage]],
    ...(storage === 'own' ? [['in sync', inSyncText(cluster, paint)]] : []),
    ['balancer', balancerText(cluster, paint)],
  ] as const
  return rows.map(([title, text]) => `${paint('bold', title.padEnd(8))}  ${text}`).join('\n')
}

/** `on 2 hosts: 3000 slots, on 1: 1096`: how much more may fail. */
function inSyncText({ slots: { inSync }, copies = 1, hosts }: ShownCluster, paint: Screen['paint']): string {
  const wanted = Math.min(copies, hosts.filter(({ isLive }) => isLive).length)
  const counts = Object.entries(inSync).map(([number, slots]) => [Number(number), slots] as const)
  return counts
    .toSorted(([one], [other]) => other - one)
    .map(([number, slots], at) => {
      const where = number === 0 ? 'on no host that is up' : `on ${number}`
      const text = `${where}: ${slots}${at === 0 ? (slots === 1 ? ' slot' : ' slots') : ''}`
      return number === 0 ? paint('red', text) : number < wanted ? paint('yellow', text) : text
    })
    .join(', ')
}

/** What is to be done, as the table says: handovers, and copies that are not complete yet. */
function balancerText({ balancer, moves, hosts }: ShownCluster, paint: Screen['paint']): string {
  if (balancer === undefined) {
    return paint('red', 'none: no slot is moved, and none is taken over from a host that dies')
  }
  const moving = moves.reduce((sum, { slots }) => sum + slots, 0)
  const live = hosts.filter(({ isLive, behindOf }) => isLive && behindOf > 0)
  const behind = live.reduce((sum, { behindOf }) => sum + behindOf, 0)
  const work = [
    moving > 0 ? `${counted(moving)} being handed over` : undefined,
    behind > 0 ? `${counted(behind)} being brought to ${live.map(({ name }) => name).join(', ')}` : undefined,
  ].filter((one) => one !== undefined)
  return `${plainText(balancer)}: ${work.length > 0 ? work.join(', ') : 'nothing moves'}`
}

const columns = [
  { title: 'host' },
  { title: 'state' },
  { title: 'primary of', align: 'right' },
  { title: 'in sync', align: 'right' },
  { title: 'behind', align: 'right' },
  { title: 'weight', align: 'right' },
  { title: 'zone' },
  { title: 'address' },
  { title: 'version' },
] as const

function hostTable({ hosts }: ShownCluster, screen: Screen): string {
  if (hosts.length === 0) return 'No host is up, and none keeps anything.'
  const rows = hosts.map((host) => [
    plainText(host.name),
    stateText(host, screen.paint),
    String(host.primaryOf),
    String(host.readableOf),
    String(host.behindOf),
    String(host.weight ?? '-'),
    plainText(host.zone ?? '-'),
    plainText(host.address ?? '-'),
    plainText(host.version ?? '-'),
  ])
  return table(columns, rows, screen)
}

function stateText(host: HostInCluster, paint: Screen['paint']): string {
  const { isLive, isLeaving, isOnProbation, readableOf, behindOf, trouble } = host
  if (!isLive) return paint('red', 'away')
  if (trouble !== undefined) return paint('red', plainText(trouble))
  if (isLeaving) return paint('yellow', 'draining')
  // Never 100% of less than everything.
  if (behindOf > 0) return paint('yellow', `catching up, ${Math.floor((100 * readableOf) / (readableOf + behindOf))}%`)
  return isOnProbation ? paint('yellow', 'live, on probation') : paint('green', 'live')
}

function moveLines({ moves }: ShownCluster): string {
  return moves
    .map(({ from, to, slots }) => `Being handed over: ${counted(slots)} from ${plainText(from)} to ${plainText(to)}`)
    .join('\n')
}

function counted(slots: number): string {
  return slots === 1 ? '1 slot' : `${slots} slots`
}
