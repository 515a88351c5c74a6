/** Something that a host opens at its start and ends when it stops. */
export type Part<T extends object> = T & AsyncDisposable

/** @param opened what the part has opened, which is disposed of with it, the last first */
export function partOf<T extends object>(opened: AsyncDisposableStack, contents: T): Part<T> {
  const ends = opened.move()
  return { ...contents, [Symbol.asyncDispose]: () => ends.disposeAsync() }
}
