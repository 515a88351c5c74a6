import type { ServerResponse } from 'node:http'
import { AwakeDeadline } from '../../machine/awake-deadline.ts'
import type { Upload } from './upload.ts'

/** Slow machines compute for a minute between two pieces of a pack, and send nothing meanwhile. */
export const speedWindowMs = 120_000

type Uploading = {
  readonly upload: Upload
  readonly counters: { readonly bytesIn: number }
  readonly outgoing: ServerResponse
}

/**
 * Checks the speed of an upload, in one window of time after another. Time in which this process was stopped is in none of
 * them: what the client sent meanwhile has not been read yet.
 *
 * @param onSlow called if less than `bytesPerSecond` came in a window in which this side waited for it. If this side
 *   waits at both ends of a window, it counts as having waited throughout
 */
export function watchSpeed(
  { upload, counters, outgoing }: Uploading,
  bytesPerSecond: number,
  windowMs: number,
  onSlow: () => void,
): void {
  const leastBytes = (bytesPerSecond * windowMs) / 1000
  let before = counters.bytesIn
  let wasWaitedFor = false
  const window = new AwakeDeadline(windowMs, () => {
    const { isWaitedFor } = upload
    const { bytesIn } = counters
    if (wasWaitedFor && isWaitedFor && bytesIn - before < leastBytes) onSlow()
    wasWaitedFor = isWaitedFor
    before = bytesIn
    window.restart()
  })
  outgoing.on('close', () => window[Symbol.dispose]())
}
