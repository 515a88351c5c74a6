/** More of a line is of no use to anybody. */
const maxLineLength = 300

/** A line of progress is told at most so often. */
const everyMs = 250

/**
 * Turns what git writes to standard error into lines. git rewrites a line of progress by a carriage return; of these, some
 * are left out, and the last one of each kind never is.
 */
export function progressLines(tell: (line: string) => void): (chunk: Buffer) => void {
  const decoder = new TextDecoder()
  let rest = ''
  let toldAt = 0
  return (chunk) => {
    const pieces = (rest + decoder.decode(chunk, { stream: true })).split(/([\r\n])/)
    rest = pieces.pop()!.slice(-maxLineLength)
    for (let index = 0; index < pieces.length; index += 2) {
      const line = pieces[index]!.trim().slice(0, maxLineLength)
      const isRewritten = pieces[index + 1] === '\r'
      if (line === '' || (isRewritten && performance.now() - toldAt < everyMs)) continue
      toldAt = performance.now()
      tell(line)
    }
  }
}
