import type { IncomingMessage } from 'node:http'
import { Refusal } from '@sluice/shared/refusal/refusal'

const maxBodyBytes = 64 * 1024

/**
 * Reads a body of JSON. No body counts as an empty object.
 *
 * @throws {Refusal} `operation_too_large`, `wrong_content_type`, `bad_operation`
 */
export async function readBody(incoming: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBodyBytes) throw new Refusal('operation_too_large', { headers: { Connection: 'close' } })
    chunks.push(chunk)
  }
  if (bytes === 0) return {}
  if (!/^application\/json\s*(?:;|$)/i.test(incoming.headers['content-type'] ?? '')) {
    throw new Refusal('wrong_content_type', { sentence: 'The Content-Type must be application/json.' })
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)))
  } catch (cause) {
    throw new Refusal('bad_operation', { sentence: 'The body is not valid JSON in UTF-8.', cause })
  }
}
