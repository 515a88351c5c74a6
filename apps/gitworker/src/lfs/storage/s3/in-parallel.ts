/** Does the same with all items, with some of them at once. The first that fails ends it. */
export async function inParallel<T>(
  items: AsyncIterable<T>,
  most: number,
  act: (item: T) => Promise<unknown>,
): Promise<void> {
  const iterator = items[Symbol.asyncIterator]()
  let isOver = false
  const work = async () => {
    while (!isOver) {
      const { done, value } = await iterator.next()
      if (done) isOver = true
      else await act(value)
    }
  }
  try {
    await Promise.all(Array.from({ length: most }, work))
  } finally {
    isOver = true
    await iterator.return?.()
  }
}
