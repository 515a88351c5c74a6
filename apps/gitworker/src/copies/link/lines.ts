/**
 * The lines of a message, as they come, without the empty ones, which are signs of life.
 *
 * @param onProgress called with each piece that comes
 * @throws {Error} where a line is longer than that
 */
export async function* linesOf(
  message: AsyncIterable<Buffer>,
  maxLineBytes: number,
  onProgress: () => void = () => {},
): AsyncGenerator<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const chunk of message) {
    onProgress()
    let rest = chunk
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = Buffer.concat([...pieces.splice(0), rest.subarray(0, end)])
      bytes = 0
      rest = rest.subarray(end + 1)
      if (line.length > 0) yield line.toString()
    }
    bytes += rest.length
    if (bytes > maxLineBytes) throw new Error('A line of the other host is too long.')
    pieces.push(rest)
  }
}
