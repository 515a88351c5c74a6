/** A part of a host, opened at its start and closed when it stops. */
export type Part<T extends object> = T & AsyncDisposable

/** @param opened what is to be disposed of with the part */
export function partOf<T extends object>(opened: AsyncDisposableStack, contents: T): Part<T> {
  const ends = opened.move()
  return { ...contents, [Symbol.asyncDispose]: () => ends.disposeAsync() }
}
