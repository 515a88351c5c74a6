import { request } from 'node:http'
import type { IncomingMessage, RequestOptions } from 'node:http'
import { request as requestWithTls } from 'node:https'
import type { Address } from '@sluice/shared/network/address'

export type Asking = {
  readonly path: string
  readonly hasTls?: boolean
  readonly withinMs: number
  /** How long the answer may be. */
  readonly mostBytes: number
}

/**
 * Asks a running application for a page on its own machine, so the name in its certificate does not matter.
 *
 * @throws {Error} where there is no answer in time, or too long a one
 */
export function bodyOf(
  address: Address,
  { path, hasTls = false, withinMs, mostBytes }: Asking,
): Promise<{ readonly status: number; readonly body: string }> {
  const options: RequestOptions = {
    path,
    agent: false,
    headers: { Host: 'localhost' },
    ...connectionTo(localOf(address)),
  }
  const signal = AbortSignal.timeout(withinMs)
  return new Promise((resolve, reject) => {
    const asked = hasTls
      ? requestWithTls({ ...options, signal, rejectUnauthorized: false })
      : request({ ...options, signal })
    asked.on('error', reject)
    asked.on('response', (reply: IncomingMessage) => {
      let body = ''
      reply.setEncoding('utf8').on('data', (text: string) => {
        body += text
        if (body.length > mostBytes) asked.destroy(new Error('The answer is too long.'))
      })
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, body }))
      reply.on('error', reject)
    })
    asked.end()
  })
}

/** What stands for all addresses is asked for at the loopback address. */
export function localOf(address: Address): Address {
  if (address.kind === 'unix') return address
  const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[address.host] ?? address.host
  return { ...address, host }
}

function connectionTo(address: Address): { socketPath: string } | { host: string; port: number } {
  return address.kind === 'unix' ? { socketPath: address.path } : { host: address.host, port: address.port }
}
