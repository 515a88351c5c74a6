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
