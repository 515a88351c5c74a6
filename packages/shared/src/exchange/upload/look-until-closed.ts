import type { ServerResponse } from 'node:http'

/** Calls back every so many milliseconds, until the reply has closed. Does not keep the process alive. */
export function lookUntilClosed(outgoing: ServerResponse, everyMs: number, look: () => void): void {
  const timer = setInterval(look, everyMs).unref()
  outgoing.on('close', () => clearInterval(timer))
}
