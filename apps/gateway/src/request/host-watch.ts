import { within } from '@sluice/shared/machine/race'
import type { Leg } from '../hosts/placement.ts'

/** How long a host that has left the cluster may take to show that it is still at work. */
const goneLookMs = 2000

/** How long a host may be silent before it is asked whether it is there. */
const silentMs = 2000

/**
 * Watches the host of an attempt until it begins to answer, or the attempt is over:
 *
 *   silent for 2 s ──▶ a look ──answered───────────────────────────────────▶ silent for 2 s …
 *                         └──not within 8 s: the request is sent elsewhere, or held, if that is possible
 *   it leaves the cluster ──▶ a look ──answered──▶ it is at work still, and is waited for
 *                                └──not within 2 s: its answer is not waited for
 *
 * Costs nothing where there is one host only.
 *
 * @param isSent whether the host may have a part of the request
 * @param mayLeave whether the request can be sent again
 * @param onGone called when the host's answer is not to be waited for
 */
export function watchHost(
  { host }: Pick<Leg, 'host'>,
  isSent: () => boolean,
  mayLeave: () => boolean,
  onGone: () => void,
): Disposable | undefined {
  const { gone, presence } = host
  if (gone === undefined) return undefined
  let isOver = false
  const lost = () => {
    if (!isOver) onGone()
  }
  const leave = async () => {
    // A host that has left is looked at no more: the connections to it are closed one by one.
    clearTimeout(timer)
    // It may be at work still, and only its lease be over.
    if (!isSent() || !(await within(goneLookMs, presence.look(), false))) lost()
  }
  const onAbort = () => void leave()
  gone.addEventListener('abort', onAbort, { once: true })
  const look = async () => {
    const isThere = !mayLeave() || (await presence.look())
    if (isOver || gone.aborted) return
    if (isThere) {
      timer = setTimeout(onSilent, silentMs)
    } else {
      presence.missed(new Error('The host was silent, and did not answer a look.'))
      if (mayLeave()) lost()
    }
  }
  const onSilent = () => void look()
  let timer = setTimeout(onSilent, silentMs)
  return {
    [Symbol.dispose]() {
      isOver = true
      clearTimeout(timer)
      gone.removeEventListener('abort', onAbort)
    },
  }
}
