const maxLength = 2048

/**
 * The reasons that git gives for a failure: its lines that begin with `fatal:` or `error:`, without progress and without
 * the output of hooks.
 *
 * @returns the last 2048 characters, safe to print to a terminal
 */
export function errorLines(text: string): string {
  const lines = text.split(/[\n\r]/).filter((line) => /^(?:fatal|error): /.test(line))
  return printable([...new Set(lines)].join('; ')).slice(-maxLength)
}

/** The first 2048 characters of a text, safe to print to a terminal. */
export function beginningInPrint(text: string): string {
  return printable(text).slice(0, maxLength)
}

/** The text with a question mark in place of each control character, which a terminal could take for a command. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?')
}
