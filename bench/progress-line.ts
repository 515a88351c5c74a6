/** Shows progress on standard error: on a terminal as one line that changes, elsewhere as a line for each step. */
export function showProgress(what: string): void {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${what}` : `${what}\n`)
}

export function endProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
}
