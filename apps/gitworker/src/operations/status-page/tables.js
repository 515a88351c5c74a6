/** @import { FailureStatus, LaneStatus, RequestStatus } from '../host-status.ts' */
import { byId, fill, fillBar, tableBody } from '../page/elements.js'
import { ago, bytes, time } from '../page/format.js'
import { rows } from '../page/rows.js'

/** How a request gets on, in order. @type {readonly RequestStatus['phase'][]} */
const phases = ['reading', 'queued', 'starting', 'serving', 'sending', 'ending']

export const workerRows = rows({
  within: byId('workers'),
  template: 'worker-state',
  keyOf: (/** @type {[string, number]} */ [state]) => state,
  fillRow(row, [state, count]) {
    row.dataset['isAny'] = String(count > 0)
    fill(row, { state, count: String(count) })
  },
})

export const laneRows = rows({
  within: tableBody('lanes'),
  template: 'lane',
  keyOf: (/** @type {LaneStatus} */ { lane }) => lane,
  fillRow(row, { lane, slots, configured, running, waiting, queueLength }) {
    const isLowered = slots < configured
    const isFull = waiting > 0 && waiting >= queueLength
    const most = Math.max(slots, configured, 1)
    fill(row, {
      lane,
      running: `${running} of ${slots}`,
      lowered: isLowered ? `lowered from\u00A0${configured}` : '',
      waiting: `${waiting} of ${queueLength}`,
      full: isFull ? 'full' : '',
    })
    fillBar(row, 'running', running / most, isLowered ? (configured - slots) / most : 0)
    fillBar(row, 'waiting', waiting / Math.max(queueLength, 1))
    row.dataset['isFull'] = String(isFull)
  },
})

export const requestRows = rows({
  within: tableBody('requests'),
  template: 'request',
  keyOf: (/** @type {RequestStatus} */ { requestId }) => requestId,
  fillRow(row, { requestId, repository, service, kind, client, user, phase, worker, bytesIn, bytesOut, ageMs }) {
    fill(row, {
      requestId,
      repository,
      service,
      kind,
      client,
      user: user ?? '',
      phase,
      worker: worker === undefined ? '–' : String(worker),
      bytesIn: bytes(bytesIn),
      bytesOut: bytes(bytesOut),
      age: time(ageMs),
    })
    fillBar(row, 'phase', (phases.indexOf(phase) + 1) / phases.length)
  },
})

/** `now` is the supervisor's clock, as the time of the failure is. */
export const failureRows = rows({
  within: tableBody('failures'),
  template: 'failure',
  keyOf: (/** @type {{ failure: FailureStatus, now: string }} */ { failure: { requestId, at } }) =>
    `${at} ${requestId}`,
  fillRow(row, { failure, now }) {
    const { at, requestId, repository, service, client, outcome, reason, said, status, ms } = failure
    fill(row, {
      requestId,
      repository: repository ?? 'no repository',
      service: service ?? '–',
      client,
      outcome,
      reason: reason === undefined || reason === outcome ? '' : reason,
      said: said ?? '',
      status: status === undefined ? '–' : String(status),
      took: time(ms),
      ago: ago(Date.parse(now) - Date.parse(at)),
    })
    row.dataset['outcome'] = outcome
    row.dataset['hasRepository'] = String(repository !== undefined)
    row.querySelector('time')?.setAttribute('datetime', at)
  },
})
