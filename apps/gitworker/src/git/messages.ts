const maxSaid = 2048

/** What git gives as reasons, without progress and without what hooks say: the last 2 KiB, harmless in a terminal. */
export function gitsWords(text: string): string {
  const lines = text.split(/[\n\r]/).filter((line) => /^(?:fatal|error): /.test(line))
  return plain([...new Set(lines)].join('; ')).slice(-maxSaid)
}

/** At most 2 KiB, with nothing that a terminal would take for an order. */
export function harmless(text: string): string {
  return plain(text).slice(0, maxSaid)
}

/** With nothing that a terminal would take for an order. */
export function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, '?')
}
