/** @import { HostStatus } from '../host-status.ts' */
import { watch } from '../page/watch.js'
import { amountLeaked, showStatus } from './panels.js'

watch({
  document: 'status.json',
  who: 'The supervisor',
  show: showStatus,
  badgeOf(/** @type {HostStatus} */ { ready, reason }) {
    if (ready) return { state: 'ready', text: 'Ready' }
    return { state: 'not-ready', text: reason === undefined ? 'Not ready' : `Not ready: ${reason}` }
  },
  titleOf: (/** @type {HostStatus} */ { leaked }) => (amountLeaked(leaked) > 0 ? ' (leaked)' : ''),
})
