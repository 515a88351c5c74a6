import { addAbortListener } from 'node:events'

/*
 * A promise against a signal, or against a timer: whichever comes first. Nothing is left behind, neither a listener nor a
 * timer. The promise itself goes on, and what it brings later is forgotten: where that has to be given back (a slot, a
 * worker), have the signal end the wait itself, with addAbortListener() of node:events.
 */

/** What the promise brings. @throws the signal's reason, where that comes first */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  using _listener = addAbortListener(signal, () => reject(signal.reason))
  return await Promise.race([promise, aborted])
}

/** What the promise brings, or `late` where it brings nothing for so many milliseconds. */
export async function within<T, L>(milliseconds: number, promise: PromiseLike<T>, late: L): Promise<T | L> {
  const { promise: over, resolve } = Promise.withResolvers<L>()
  const timer = setTimeout(() => resolve(late), milliseconds)
  try {
    return await Promise.race([promise, over])
  } finally {
    clearTimeout(timer)
  }
}
