/** The lines of a text, each with its own ending. Joined, they are the text again. */
export function linesOf(text: string): string[] {
  return text === '' ? [] : text.split(/(?<=\n)/)
}

/** A text with one more line, which ends as the others do. */
export function withLine(text: string, line: string): string {
  const ending = endingOf(text)
  const isWhole = text === '' || text.endsWith('\n')
  return `${text}${isWhole ? '' : ending}${line}${ending}`
}

/** How lines end: as the first one does. */
export function endingOf(text: string): '\r\n' | '\n' {
  return /^[^\n]*\r\n/.test(text) ? '\r\n' : '\n'
}

/** What some editors put before a text. It would be a part of the first name. */
const byteOrderMark = '\ufeff'

/** @throws {Error} in words */
export function refuseByteOrderMark(text: string, path: string): void {
  if (text.startsWith(byteOrderMark)) {
    throw new Error(`${path} begins with a byte order mark, which nobody sees: save it as UTF-8 without one`)
  }
}
