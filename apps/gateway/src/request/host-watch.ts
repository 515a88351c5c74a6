import { within } from '@sluice/shared/machine/race'
import type { Leg } from '../hosts/placement.ts'

/** How long a host that has left the cluster may take to show that it is still at work. */
const goneLookMs = 2000

/** How long a host may be silent before it is asked whether it is there, where another one could answer instead. */
const silentMs = 2000

/**
 * Watches the host of an attempt until it begins to answer, or the attempt is over: whether it leaves the cluster, and
 * whether it can be reached at all. Costs nothing where there is one host only.
 *
 * @param onGone called when the host is gone, or does not answer a probe
 */
export function watchHost({ host, hasOther }: Leg, isSent: () => boolean, onGone: () => void): Disposable | undefined {
  const { gone, presence } = host
  if (gone === undefined) return undefined
  let isOver = false
  const lost = () => {
    if (!isOver) onGone()
  }
  const leave = async () => {
    // It may be at work still, and only its lease be over.
    if (!isSent() || !(await within(goneLookMs, presence.look(), false))) lost()
  }
  const onAbort = () => void leave()
  gone.addEventListener('abort', onAbort, { once: true })
  const look = async () => {
    if (await presence.look()) {
      if (!isOver) timer = setTimeout(onSilent, silentMs)
      return
    }
    if (!isOver) presence.missed(new Error('The host was silent, and did not answer a look.'))
    lost()
  }
  const onSilent = () => void look()
  let timer = hasOther ? setTimeout(onSilent, silentMs) : undefined
  return {
    [Symbol.dispose]() {
      isOver = true
      clearTimeout(timer)
      gone.removeEventListener('abort', onAbort)
    },
  }
}
