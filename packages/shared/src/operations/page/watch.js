import { byId, setText } from './elements.js'
import { ago } from './format.js'

/*
 * A page asks for its document once a second and shows what it gets. It asks nothing while it is paused or hidden.
 * Whatever it shows, it says how old that is.
 */

const everyMs = 1000
const answerWithinMs = 4000

const badge = byId('readiness')
const freshness = byId('freshness')
const lost = byId('lost')
const pause = byId('pause')

class UnexpectedAnswer extends Error {}

/**
 * @template T
 * @param {{
 *   document: string
 *   who: string
 *   show: (status: T) => void
 *   badgeOf: (status: T) => { state: 'ready' | 'not-ready' | 'warned', text: string }
 *   titleOf?: (status: T) => string
 * }} page `who` answers, in words; `titleOf` adds to the title
 */
export function watch({ document: url, who, show, badgeOf, titleOf }) {
  /** @type {T | undefined} */
  let last
  /** When `last` came, by this page's own clock: the server's may differ. */
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
    void look()
  })
  document.addEventListener('visibilitychange', () => void look())
  setInterval(showConnection, everyMs)
  void look()

  /** Asks, and goes on asking. There is never more than one request under way. */
  async function look() {
    if (isAsking || !isWatching()) return
    isAsking = true
    clearTimeout(timer)
    try {
      const status = await ask(url, who)
      // Pause keeps what is on the screen, so a reply that comes after it is not shown.
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
    if (isWatching()) timer = setTimeout(() => void look(), everyMs)
  }

  function isWatching() {
    return !isPaused && !document.hidden
  }

  function showConnection() {
    const isLost = trouble !== undefined && !isPaused
    const seen = last ? `last seen ${ago(performance.now() - lastSeenAt)}` : 'not seen yet'
    lost.hidden = !isLost
    setText(lost, isLost ? `${trouble}, ${seen}.${last ? ' What follows is from then.' : ''} Trying again.` : '')
    setText(freshness, isPaused ? `Paused, ${seen}` : isLost || !last ? '' : 'Live')
    document.body.dataset['isLost'] = String(isLost)
    const shown = isLost ? { state: 'lost', text: 'No answer' } : last && badgeOf(last)
    if (shown) showBadge(shown, last && titleOf ? titleOf(last) : '')
  }
}

/** @returns {Promise<any>} @param {string} url @param {string} who */
async function ask(url, who) {
  const response = await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(answerWithinMs) })
  if (!response.ok) throw new UnexpectedAnswer(`${who} answers with HTTP ${response.status}`)
  return response.json()
}

/** @param {{ state: string, text: string }} shown @param {string} more */
function showBadge({ state, text }, more) {
  badge.dataset['state'] = state
  setText(badge, text)
  const title = `${text}${more} – Sluice`
  if (document.title !== title) document.title = title
}
