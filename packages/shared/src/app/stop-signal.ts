/** Ctrl-C reaches a process twice, from the terminal and through npm. Within this time, two signals count as one. */
const sameWishMs = 100

/**
 * Resolves at the first SIGTERM or SIGINT, or when the parent process, if it started this one with an IPC channel, is gone.
 * `hurry` is aborted at the second.
 */
export function untilStopped(): Promise<{ why: string; hurry: AbortSignal }> {
  const hurry = new AbortController()
  let stoppedAt: number | undefined
  return new Promise((resolve) => {
    const stop = (why: string) => {
      if (stoppedAt === undefined) {
        stoppedAt = performance.now()
        resolve({ why, hurry: hurry.signal })
      } else if (performance.now() - stoppedAt > sameWishMs) {
        hurry.abort()
      }
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
    process.on('disconnect', () => stop('the parent process ended'))
  })
}

/** How long a start that hangs, such as on a disk that is gone, may hold up a stop. */
const startMayTakeMs = 10_000

/** Waits for a start. If the process is told to stop meanwhile, and the start still hangs, the process exits. */
export async function startUnlessStopped<T>(stopped: ReturnType<typeof untilStopped>, start: Promise<T>): Promise<T> {
  let isStarting = true
  const giveUp = () => {
    if (!isStarting) return
    process.stderr.write('Stopped before the start had come to an end.\n')
    process.exit(1)
  }
  const watch = async () => {
    const { hurry } = await stopped
    setTimeout(giveUp, startMayTakeMs).unref()
    hurry.addEventListener('abort', giveUp)
  }
  void watch()
  try {
    return await start
  } finally {
    isStarting = false
  }
}
