import { request } from 'node:http'
import { pktLine } from '@sluice/shared/git/pkt-line'

export type RawPush = {
  readonly features?: string
  readonly leave?: AbortSignal
  readonly onReply?: (said: string) => void
}

/** A push of a client that is written by hand, without side-bands unless its features say so. @returns the reply */
export async function rawPush(url: string, command: string, pack: Buffer | string, how: RawPush = {}): Promise<string> {
  const { features = 'report-status', leave, onReply = () => {} } = how
  const { promise, resolve } = Promise.withResolvers<string>()
  const headers = { 'Content-Type': 'application/x-git-receive-pack-request' }
  const options = { method: 'POST', headers, ...(leave && { signal: leave }) }
  const sent = request(`${url}/git-receive-pack`, options, (reply) => {
    let said = ''
    reply.on('error', () => {})
    reply.on('data', (chunk: Buffer) => onReply((said += chunk.toString('latin1'))))
    reply.on('close', () => resolve(said))
  })
  sent.on('error', (error) => resolve(String(error)))
  sent.write(`${pktLine(`${command}\0${features}`)}0000`)
  sent.end(pack)
  return await promise
}

/** The id of what there is not. */
export const none = '0'.repeat(40)

/** Version 2, no objects, and its SHA-1. */
export const emptyPack = Buffer.from('5041434b0000000200000000029d08823bd8a8eab510ad6ac75c823cfd3ed31e', 'hex')
