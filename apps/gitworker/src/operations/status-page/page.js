/** @import { HostStatus } from '../host-status.ts' */
import { byId, setText } from './elements.js'
import { amountLeaked, ago } from './format.js'
import { showStatus } from './panels.js'

/*
 * The page asks for status.json once a second and shows what it gets. It asks nothing while it is paused or hidden.
 * Whatever it shows, it says how old that is.
 */

const everyMs = 1000
const answerWithinMs = 4000

const readiness = byId('readiness')
const freshness = byId('freshness')
const lost = byId('lost')
const pause = byId('pause')

/** @type {HostStatus | undefined} */
let last
/** When `last` came, by this page's own clock: the supervisor's may differ. */
let lastSeenAt = 0
/** Why the last attempt brought nothing; undefined where it did. @type {string | undefined} */
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

/** Asks, and goes on asking. There is never more than one request under way. */
async function watch() {
  if (isAsking || !isWatching()) return
  isAsking = true
  clearTimeout(timer)
  try {
    const status = await ask()
    // Pause keeps what is on the screen, so a reply that comes after it is not shown.
    if (isWatching()) {
      last = status
      lastSeenAt = performance.now()
      showStatus(status)
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

/** @returns {Promise<HostStatus>} */
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
  const leaked = last && amountLeaked(last.leaked) > 0 ? ' (leaked)' : ''
  const title = `${text}${leaked} – Sluice`
  if (document.title !== title) document.title = title
}
