/** @import { ClusterStatus } from '../../placement/cluster-status.ts' */
import { byId } from '../page/elements.js'
import { watch } from '../page/watch.js'
import { showMap } from './map.js'
import { showFacts, showHosts, showMoves, showProblems } from './panels.js'

watch({
  document: 'cluster.json',
  who: 'The application',
  show(/** @type {ClusterStatus} */ status) {
    byId('cluster').hidden = false
    showFacts(status)
    showProblems(status.problems)
    showMap(status)
    showHosts(status)
    showMoves(status.moves)
  },
  badgeOf(/** @type {ClusterStatus} */ { slots: { counts, states }, problems }) {
    const unserved = counts.down + counts.new
    const readOnly = problems.reduce((sum, { slots, stops }) => sum + (stops === 'pushes' ? slots : 0), 0)
    if (states.length === 0) return { state: 'not-ready', text: 'Nothing is known yet' }
    if (unserved > 0) return { state: 'not-ready', text: `${share(unserved, states.length)} cannot be served` }
    if (readOnly > 0) return { state: 'warned', text: `${share(readOnly, states.length)} can only be read` }
    return { state: 'ready', text: 'All can be served' }
  },
})

/**
 * Never 0% of something, and never 100% of less than everything.
 *
 * @param {number} count
 * @param {number} all
 */
function share(count, all) {
  const percent = Math.round((100 * count) / all)
  return count === all ? 'Everything' : `${Math.min(Math.max(percent, 1), 99)}%`
}
