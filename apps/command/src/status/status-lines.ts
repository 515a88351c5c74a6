import type {
  EventsStatus,
  FailureStatus,
  HostStatus,
  LaneStatus,
  RequestStatus,
} from '@sluice/gitworker/operations/host-status'
import { plainText } from '../output/plain-text.ts'
import type { Screen } from '../output/report.ts'
import { sizeText } from '../output/size-text.ts'
import { cut, table } from '../output/table.ts'
import { timeText } from '../output/time-text.ts'

/** Names are cut where the screen is narrow, and nothing else is. */
const mostNameColumns = 40
const fewNameColumns = 20
const narrow = 90

/** What the host does, in lines. @param most how many lines there is room for: the requests and failures share them */
export function statusLines(status: HostStatus, screen: Screen, most = Infinity): string[] {
  const head = [...factLines(status, screen), '', ...laneTable(status.lanes, screen), '']
  const room = Math.max(4, most - head.length)
  const failures =
    status.failures.length === 0 ? 1 : Math.min(status.failures.length + 2, Math.max(2, Math.floor(room / 3)))
  const requests = requestLines(status, screen, room - failures - 1)
  return [...head, ...requests, '', ...failureLines(status, screen, failures)].slice(0, most)
}

function factLines(status: HostStatus, { paint, columns }: Screen): string[] {
  const { facts, ready, reason, uptimeSeconds, memoryBytes, disks, workers, leaked, events, at } = status
  const state = ready ? paint('green', 'Ready') : paint('red', `Not ready: ${plainText(reason ?? 'no reason')}`)
  const isAnyLeft = leaked.processes + leaked.zombies > 0
  const left = `${leaked.processes} processes and ${leaked.zombies} zombies of requests that are over`
  const rows = [
    ['host', `${state}  up ${timeText(uptimeSeconds * 1000)}  ${sizeText(memoryBytes)}  Sluice ${facts.version}`],
    ['root', `${plainText(facts.root)}  ${plainText(facts.git)}, ${facts.runtime}`],
    ['disks', disks.map(({ disk, freeBytes }) => `${disk} ${sizeText(freeBytes)} free`).join('  ')],
    [
      'workers',
      Object.entries(workers)
        .map(([name, count]) => `${name} ${count}`)
        .join('  '),
    ],
    ...(events && events.receivers > 0 ? [['events', eventsText(events, at, paint)] as const] : []),
    ['leaked', isAnyLeft ? paint('red', left) : 'nothing'],
  ] as const
  return rows.map(([title, text]) => cut(`${paint('bold', title.padEnd(8))} ${text}`, columns))
}

function eventsText(events: EventsStatus, now: string, paint: Screen['paint']): string {
  const { receivers, failing, waiting, isMore, oldestSeconds, parked, lastFailure } = events
  const age = oldestSeconds === undefined ? '' : `, the oldest for ${timeText(oldestSeconds * 1000)}`
  const failed = lastFailure && `${timeText(Date.parse(now) - Date.parse(lastFailure.at))} ago`
  const parts = [
    `${receivers} ${receivers === 1 ? 'receiver' : 'receivers'}`,
    failing > 0 ? paint('red', `${failing} failing`) : '',
    `${waiting}${isMore ? ' and more' : ''} waiting${age}`,
    parked > 0 ? paint('red', `${parked} given up`) : '',
    lastFailure ? `last failure ${failed}: ${lastFailure.receiver}: ${plainText(lastFailure.why)}` : '',
  ]
  return parts.filter((part) => part !== '').join('  ')
}

function laneTable(lanes: readonly LaneStatus[], screen: Screen): string[] {
  const rows = lanes.map(({ lane, slots, configured, running, waiting, queueLength }) => {
    const isFull = waiting > 0 && waiting >= queueLength
    const notes = [slots < configured ? `lowered from ${configured}` : '', isFull ? 'full' : ''].filter(Boolean)
    const queue = `${waiting} of ${queueLength}`
    return [lane, `${running} of ${slots}`, isFull ? screen.paint('red', queue) : queue, notes.join(', ')]
  })
  const columns = [{ title: 'lane' }, { title: 'running' }, { title: 'waiting' }, { title: '' }]
  return table(columns, rows, screen).split('\n')
}

function requestLines({ requests, requestsInAll }: HostStatus, screen: Screen, most: number): string[] {
  if (requestsInAll === 0) return [screen.paint('dim', 'No requests.')]
  const room = Math.max(1, most - 2)
  const shown = requests.length > room ? requests.slice(0, room) : requests
  const columns = [
    { title: 'age', align: 'right' },
    { title: 'phase' },
    { title: 'repository' },
    { title: 'service' },
    { title: 'out', align: 'right' },
    { title: 'in', align: 'right' },
    { title: 'client' },
  ] as const
  const lines = table(
    columns,
    shown.map((request) => requestRow(request, screen)),
    screen,
  ).split('\n')
  const more = requestsInAll - shown.length
  return more > 0 ? [...lines, screen.paint('dim', `and ${more} more, ${requestsInAll} in all`)] : lines
}

function requestRow(request: RequestStatus, screen: Screen): string[] {
  const { ageMs, phase, repository, service, kind, bytesIn, bytesOut, client, user } = request
  const what = `${service.replace('git-', '')}${kind === 'advertisement' ? ' (refs)' : ''}`
  const who = user === undefined ? client : `${plainText(user)} ${client}`
  return [
    timeText(ageMs),
    phase,
    shortName(repository, screen),
    what,
    sizeText(bytesOut),
    sizeText(bytesIn),
    plainText(who),
  ]
}

function failureLines({ failures, at }: HostStatus, screen: Screen, most: number): string[] {
  if (failures.length === 0) return [screen.paint('dim', 'No failures.')]
  const columns = [
    { title: 'failed', align: 'right' },
    { title: 'repository' },
    { title: 'outcome' },
    { title: 'why' },
  ] as const
  const rows = failures.slice(0, Math.max(1, most - 1)).map((failure) => failureRow(failure, at, screen))
  return table(columns, rows, screen).split('\n')
}

function failureRow({ at, repository, outcome, reason, said }: FailureStatus, now: string, screen: Screen): string[] {
  const why = [reason === outcome ? undefined : reason, said].filter((one) => one !== undefined).join(': ')
  const age = `${timeText(Date.parse(now) - Date.parse(at))} ago`
  return [age, shortName(repository ?? '–', screen), screen.paint('red', outcome), plainText(why)]
}

/** The end of a name says more than its beginning. */
function shortName(text: string, { columns }: Screen): string {
  const safe = plainText(text)
  const most = columns === undefined ? Infinity : columns < narrow ? fewNameColumns : mostNameColumns
  return safe.length <= most ? safe : `…${safe.slice(safe.length - most + 1)}`
}
