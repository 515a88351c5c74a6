import type { ServerResponse } from 'node:http'
import type { SmallPush } from '../primary/offers.ts'
import { readTexts } from '../state/repository-texts.ts'
import { refuse } from './told-line.ts'

/** The configuration, the description and LFS's locks. */
export function answerTexts(gitDir: string, outgoing: ServerResponse): void {
  const texts = JSON.stringify(readTexts(gitDir))
  outgoing.writeHead(200, { 'Content-Type': 'application/json' })
  outgoing.end(`${texts}\n`)
}

/** An offered push as it came: its changes in one line, and its pack. */
export function answerPush(push: SmallPush | undefined, outgoing: ServerResponse): void {
  if (!push) return refuse(outgoing, 404, 'This push is not offered any more.')
  outgoing.writeHead(200, { 'Content-Type': 'application/octet-stream' })
  const changes = push.changes.map(({ ref, old = null, new: now }) => ({ ref, old, new: now }))
  outgoing.write(`${JSON.stringify({ changes })}\n`)
  outgoing.end(push.pack)
}
