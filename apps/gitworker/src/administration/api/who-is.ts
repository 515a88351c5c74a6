import type { IncomingMessage } from 'node:http'

/** What a client says of who it is, percent-encoded, for the log. Whoever may connect is believed. */
const whoHeader = 'x-sluice-operator'

/** Undefined where it says nothing. */
export function whoIs({ headers }: IncomingMessage): string | undefined {
  const said = headers[whoHeader]
  if (typeof said !== 'string') return undefined
  try {
    return decodeURIComponent(said.slice(0, 300)).slice(0, 100)
  } catch {
    return said.slice(0, 100)
  }
}
