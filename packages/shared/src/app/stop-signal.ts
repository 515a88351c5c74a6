/** npm hands a terminal's Ctrl-C on to a process that has had it from the terminal already: that is one wish, not two. */
const sameWishMs = 100

/**
 * Resolves at the first SIGTERM or SIGINT, or when the process that started this one with a channel is gone. `hurry` is
 * aborted at the second.
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

/** A start that hangs (a disk that is gone) is not waited for much longer than that by who wants the process to stop. */
const startMayTakeMs = 10_000

/** Waits for a start. When the process is to stop meanwhile, and the start does not come to an end, it ends without it. */
export async function startUnlessStopped<T>(stopped: ReturnType<typeof untilStopped>, start: Promise<T>): Promise<T> {
  let isStarting = true
  const giveUp = () => {
    if (!isStarting) return
    process.stderr.write('The start did not come to an end: ended without it.\n')
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
