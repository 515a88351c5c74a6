/** @import { FailureStatus, LaneStatus, RequestStatus, Status } from '../host-status.ts' */

const everyMs = 1000
const answerWithinMs = 4000

/** @type {readonly RequestStatus['phase'][]} */
const phases = ['reading', 'queued', 'starting', 'serving', 'sending', 'ending']

const readiness = byId('readiness')
const freshness = byId('freshness')
const lost = byId('lost')
const pause = byId('pause')
const main = byId('status')

/** @type {Status | undefined} */
let last
/** When `last` came, on this page's own clock: the supervisor's may be another. */
let lastSeenAt = 0
/** Why the last attempt has brought nothing, or undefined. @type {string | undefined} */
let trouble
let isPaused = false
let isAsking = false
/** @type {number | undefined} */
let timer

pause.addEventListener('click', () => {
  isPaused = !isPaused
  pause.setAttribute('aria-pressed', String(isPaused))
  showConnection()
  void watch()
})
document.addEventListener('visibilitychange', () => void watch())
setInterval(showConnection, everyMs)
void watch()

/** Asks, and goes on asking, with never more than one request under way. */
async function watch() {
  if (isAsking || !isWatching()) return
  isAsking = true
  clearTimeout(timer)
  try {
    const status = await ask()
    // Who presses Pause means what is on the screen, not what is still on its way.
    if (isWatching()) {
      last = status
      lastSeenAt = performance.now()
      show(status)
    }
    trouble = undefined
  } catch (error) {
    trouble = error instanceof UnexpectedAnswer ? error.message : 'Connection lost'
  }
  isAsking = false
  showConnection()
  if (isWatching()) timer = setTimeout(() => void watch(), everyMs)
}

function isWatching() {
  return !isPaused && !document.hidden
}

class UnexpectedAnswer extends Error {}

/** @returns {Promise<Status>} */
async function ask() {
  const response = await fetch('status.json', { cache: 'no-store', signal: AbortSignal.timeout(answerWithinMs) })
  if (!response.ok) throw new UnexpectedAnswer(`The supervisor answers with HTTP ${response.status}`)
  return response.json()
}

function showConnection() {
  const isLost = trouble !== undefined && !isPaused
  const seen = last ? `last seen ${ago(performance.now() - lastSeenAt)}` : 'not seen yet'
  lost.hidden = !isLost
  setText(lost, isLost ? `${trouble}, ${seen}.${last ? ' What follows is from then.' : ''} Trying again.` : '')
  setText(freshness, isPaused ? `Paused, ${seen}` : isLost || !last ? '' : 'Live')
  document.body.dataset['isLost'] = String(isLost)
  if (isLost) showReadiness('lost', 'No answer')
  else if (last?.ready) showReadiness('ready', 'Ready')
  else if (last) showReadiness('not-ready', last.reason === undefined ? 'Not ready' : `Not ready: ${last.reason}`)
}

/**
 * @param {'ready' | 'not-ready' | 'lost'} state
 * @param {string} text
 */
function showReadiness(state, text) {
  readiness.dataset['state'] = state
  setText(readiness, text)
  const leaked = last && isAny(last.leaked) ? ' (leaked)' : ''
  const title = `${text}${leaked} – Sluice`
  if (document.title !== title) document.title = title
}

/** @param {Status} status */
function show(status) {
  main.hidden = false
  const { facts, workers, lanes, requests, requestsInAll, failures, leaked } = status
  const counts = Object.entries(workers)
  const inAll = counts.reduce((sum, [, count]) => sum + count, 0)
  fill(byId('facts'), facts)
  const free = status.disks.map(({ disk, freeBytes }) => `${disk} ${bytes(freeBytes)}`)
  fill(main, {
    'uptime': time(status.uptimeSeconds * 1000),
    'memory': bytes(status.memoryBytes),
    'disks': free.join(', ') || '–',
    'workers-in-all': String(inAll),
    'requests-in-all': requestsInAll > 0 ? String(requestsInAll) : '',
    'leaked': isAny(leaked)
      ? `${amount(leaked.processes, 'process', 'processes')} and ${amount(leaked.zombies, 'zombie', 'zombies')} of requests that are over`
      : 'Nothing is left of requests that are over.',
  })
  byId('leaked').dataset['isAny'] = String(isAny(leaked))
  workerRows.show(counts)
  laneRows.show(lanes)
  requestRows.show(requests)
  showIf(byId('no-requests'), requests.length === 0)
  showIf(byId('requests'), requests.length > 0)
  const more = byId('more-requests')
  showIf(more, requestsInAll > requests.length)
  setText(more, `Only the oldest ${requests.length} of ${requestsInAll} are shown.`)
  failureRows.show(failures)
  showIf(byId('no-failures'), failures.length === 0)
  showIf(byId('failures'), failures.length > 0)
}

/**
 * One element for each item, made of a template. An element stays for as long as there is an item with its key, and is
 * not moved without need: focus and selected text would go with it.
 *
 * @template T
 * @param {{ within: Element, template: string, keyOf: (item: T) => string, fillRow: (row: HTMLElement, item: T) => void }} how
 */
function rows({ within, template, keyOf, fillRow }) {
  const model = /** @type {HTMLTemplateElement} */ (byId(template)).content.firstElementChild
  /** @type {Map<string, HTMLElement>} */
  let shown = new Map()
  return {
    /** @param {readonly T[]} items */
    show(items) {
      /** @type {Map<string, HTMLElement>} */
      const next = new Map()
      for (const item of items) {
        // A request that is sent again has the id of the first.
        let key = keyOf(item)
        while (next.has(key)) key += '+'
        const row = shown.get(key) ?? /** @type {HTMLElement} */ (model?.cloneNode(true))
        fillRow(row, item)
        next.set(key, row)
      }
      for (const [key, row] of shown) if (!next.has(key)) row.remove()
      for (const [index, row] of [...next.values()].entries()) {
        const there = within.children[index]
        if (there !== row) within.insertBefore(row, there ?? null)
      }
      shown = next
    },
  }
}

/** @param {string} table */
function bodyOf(table) {
  return /** @type {HTMLTableElement} */ (byId(table)).tBodies[0] ?? byId(table)
}

const workerRows = rows({
  within: byId('workers'),
  template: 'worker-state',
  keyOf: (/** @type {[string, number]} */ [state]) => state,
  fillRow(row, [state, count]) {
    row.dataset['isAny'] = String(count > 0)
    fill(row, { state, count: String(count) })
  },
})

const laneRows = rows({
  within: bodyOf('lanes'),
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

const requestRows = rows({
  within: bodyOf('requests'),
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

const failureRows = rows({
  within: bodyOf('failures'),
  template: 'failure',
  keyOf: (/** @type {FailureStatus} */ { requestId, at }) => `${at} ${requestId}`,
  fillRow(row, { at, requestId, repository, service, client, outcome, reason, said, status, ms }) {
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
      // Both are the supervisor's clock.
      ago: ago(Date.parse(last?.at ?? at) - Date.parse(at)),
    })
    row.dataset['outcome'] = outcome
    row.dataset['hasRepository'] = String(repository !== undefined)
    row.querySelector('time')?.setAttribute('datetime', at)
  },
})

/**
 * @param {Element} within
 * @param {Record<string, string>} texts
 */
function fill(within, texts) {
  for (const [field, text] of Object.entries(texts)) {
    const element = within.querySelector(`[data-field="${field}"]`)
    if (element) setText(element, text)
  }
}

/**
 * A text that is the same is left alone, with whatever of it is selected.
 *
 * @param {Element} element
 * @param {string} text
 */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/**
 * @param {HTMLElement} element
 * @param {boolean} isShown
 */
function showIf(element, isShown) {
  element.hidden = !isShown
}

/**
 * @param {HTMLElement} row
 * @param {string} name
 * @param {number} part of the whole that is 1
 * @param {number} withheld the part that may not be used now
 */
function fillBar(row, name, part, withheld = 0) {
  /** @type {HTMLElement | null} */
  const bar = row.querySelector(`[data-bar="${name}"]`)
  bar?.style.setProperty('--part', String(Math.min(part, 1)))
  bar?.style.setProperty('--withheld', String(withheld))
}

/** @param {Status['leaked']} leaked */
function isAny({ processes, zombies }) {
  return processes > 0 || zombies > 0
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} many
 */
function amount(count, one, many) {
  return `${count} ${count === 1 ? one : many}`
}

/**
 * Rounded down: 59.9 s is not a minute yet.
 *
 * @param {number} ms
 */
function time(ms) {
  const seconds = Math.max(ms, 0) / 1000
  if (seconds < 0.1) return `${Math.floor(seconds * 1000)} ms`
  if (seconds < 10) return `${(Math.floor(seconds * 10) / 10).toFixed(1)} s`
  const [s, m, h, d] = [seconds % 60, (seconds / 60) % 60, (seconds / 3600) % 24, seconds / 86_400].map(Math.floor)
  if (seconds < 60) return `${s} s`
  if (seconds < 3600) return `${m} m ${s} s`
  return seconds < 86_400 ? `${h} h ${m} m` : `${d} d ${h} h`
}

/** @param {number} ms */
function ago(ms) {
  return ms < 10_000 ? `${Math.floor(Math.max(ms, 0) / 1000)} s ago` : `${time(ms)} ago`
}

/** @param {number} count */
function bytes(count) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(Math.floor(Math.log2(Math.max(count, 1)) / 10), units.length - 1)
  const value = count / 1024 ** power
  const text = power > 0 && value < 10 ? (Math.floor(value * 10) / 10).toFixed(1) : Math.floor(value)
  return `${text} ${units[power]}`
}

/** @param {string} id */
function byId(id) {
  const element = document.getElementById(id)
  if (!element) throw new Error(`The page has no #${id}.`)
  return element
}
