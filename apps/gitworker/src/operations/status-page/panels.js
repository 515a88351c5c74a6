/** @import { HostStatus } from '../host-status.ts' */
import { byId, fill, setText, showIf } from '../page/elements.js'
import { amount, bytes, time } from '../page/format.js'
import { failureRows, laneRows, requestRows, workerRows } from './tables.js'

const main = byId('status')

/** @param {HostStatus} status */
export function showStatus(status) {
  main.hidden = false
  showFacts(status)
  showLeaked(status.leaked)
  showWorkers(status.workers)
  laneRows.show(status.lanes)
  showRequests(status)
  showFailures(status)
}

/** @param {HostStatus} status */
function showFacts({ facts, uptimeSeconds, memoryBytes, disks, maintenance, mirrors, events }) {
  const free = disks.map(({ disk, freeBytes }) => `${disk} ${bytes(freeBytes)}`)
  fill(byId('facts'), {
    ...facts,
    uptime: time(uptimeSeconds * 1000),
    memory: bytes(memoryBytes),
    disks: free.join(', ') || '–',
    maintenance: maintained(maintenance),
    mirrors: mirrored(mirrors),
    events: told(events),
  })
}

/** @param {HostStatus['maintenance']} maintenance */
function maintained(maintenance) {
  if (!maintenance) return 'off'
  const { running, waiting } = maintenance
  const now = running.length === 0 ? 'idle' : `at work on ${running.join(', ')}`
  return waiting === 0 ? now : `${now}; ${waiting} wait`
}

/** @param {HostStatus['mirrors']} mirrors */
function mirrored(mirrors) {
  if (!mirrors || mirrors.inAll === 0) return 'none'
  const all = `${mirrors.inAll}, of which ${mirrors.running} run`
  const failing = mirrors.mirrors.filter(({ failures }) => failures > 0).slice(0, 5)
  if (failing.length === 0) return all
  const named = failing.map(({ repository, lastFailure }) => `${repository} (${lastFailure?.reason ?? '?'})`).join(', ')
  return `${all}; ${mirrors.failing} fail: ${named}${mirrors.failing > failing.length ? ' …' : ''}`
}

/** @param {HostStatus['events']} events */
function told(events) {
  if (!events || events.receivers === 0) return 'nobody is told'
  const { receivers, failing, waiting, isMore, oldestSeconds, parked, lastFailure } = events
  const age = oldestSeconds === undefined ? '' : `, the oldest for ${time(oldestSeconds * 1000)}`
  const parts = [
    `${amount(receivers, 'receiver', 'receivers')}${failing > 0 ? `, of which ${failing} fail` : ''}`,
    waiting > 0 || isMore ? `${waiting}${isMore ? ' and more' : ''} wait${age}` : 'none waits',
    parked > 0 ? `${parked} are given up` : '',
    lastFailure ? `last failure at ${lastFailure.at}: ${lastFailure.receiver}: ${lastFailure.why}` : '',
  ]
  return parts.filter((part) => part !== '').join('; ')
}

/** @param {HostStatus['leaked']} leaked */
function showLeaked(leaked) {
  const { processes, zombies } = leaked
  const isAny = amountLeaked(leaked) > 0
  byId('leaked').dataset['isAny'] = String(isAny)
  fill(main, {
    leaked: isAny
      ? `${amount(processes, 'process', 'processes')} and ${amount(zombies, 'zombie', 'zombies')} of requests that are over`
      : 'Nothing is left of requests that are over.',
  })
}

/** @param {HostStatus['workers']} workers */
function showWorkers(workers) {
  const counts = Object.entries(workers)
  fill(main, { 'workers-in-all': String(counts.reduce((sum, [, count]) => sum + count, 0)) })
  workerRows.show(counts)
}

/** @param {HostStatus} status */
function showRequests({ requests, requestsInAll }) {
  fill(main, { 'requests-in-all': requestsInAll > 0 ? String(requestsInAll) : '' })
  requestRows.show(requests)
  showIf(byId('no-requests'), requests.length === 0)
  showIf(byId('requests'), requests.length > 0)
  const more = byId('more-requests')
  showIf(more, requestsInAll > requests.length)
  setText(more, `Only the oldest ${requests.length} of ${requestsInAll} are shown.`)
}

/** @param {HostStatus} status */
function showFailures({ failures, at }) {
  failureRows.show(failures.map((failure) => ({ failure, now: at })))
  showIf(byId('no-failures'), failures.length === 0)
  showIf(byId('failures'), failures.length > 0)
}

/** @param {HostStatus['leaked']} leaked */
export function amountLeaked({ processes, zombies }) {
  return processes + zombies
}
