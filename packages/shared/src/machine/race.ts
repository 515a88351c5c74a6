import { addAbortListener } from 'node:events'

/*
 * Races a promise against a signal or a timer. No listener and no timer is left behind. The promise itself goes on, and
 * its later result is dropped. Until it settles it remembers each race, so a promise that lives long must not be raced
 * without end. If that result must be given back (a slot, a worker), let the signal end the wait
 * itself, with addAbortListener() of node:events.
 */

/**
 * The result of the promise.
 *
 * @throws the signal's reason, if that comes first
 */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  using _listener = addAbortListener(signal, () => reject(signal.reason))
  return await Promise.race([promise, aborted])
}

/** The result of the promise, or `late` if it has none within so many milliseconds. */
export async function within<T, L>(milliseconds: number, promise: PromiseLike<T>, late: L): Promise<T | L> {
  const { promise: over, resolve } = Promise.withResolvers<L>()
  const timer = setTimeout(() => resolve(late), milliseconds)
  try {
    return await Promise.race([promise, over])
  } finally {
    clearTimeout(timer)
  }
}
