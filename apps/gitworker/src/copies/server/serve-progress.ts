import type { IncomingMessage, ServerResponse } from 'node:http'
import { readBody, refuse } from './told-line.ts'
import { maxProgressAskedBytes, readProgressAsked } from '../progress/told-progress.ts'
import type { ToldProgress } from '../progress/told-progress.ts'

/** Says how the copies of this host's slots come along. */
export async function serveProgress(
  { progressHere }: { readonly progressHere: () => ToldProgress },
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  if (!readProgressAsked((await readBody(incoming, maxProgressAskedBytes)) ?? '')) {
    return refuse(outgoing, 400, 'This is not what a host of this version asks.')
  }
  const { catchingUp, problems } = progressHere()
  outgoing.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
  outgoing.end(`${JSON.stringify({ catchingUp, problems })}\n`)
}
