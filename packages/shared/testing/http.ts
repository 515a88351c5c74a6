import { request } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { parseAddress } from '../src/network/address.ts'
import { patienceMs } from './patience.ts'

export type Reply = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: string }

/** Where to connect: host:port or unix:/path. */
export function target(address: string): { host: string; port: number } | { socketPath: string; path: string } {
  const parsed = parseAddress(address)
  if (!parsed) throw new Error(`Not an address: ${address}`)
  return parsed.kind === 'unix' ? { socketPath: parsed.path, path: parsed.path } : parsed
}

/** One HTTP request whose path is sent exactly as given. Rejects if the reply is cut off. */
export function ask(
  address: string,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers, body } = options
    const sent = request({ ...target(address), path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** Sends bytes as they are, and returns all that comes back until the server closes. */
export function sendRaw(address: string, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(target(address))
    const chunks: Buffer[] = []
    const timer = setTimeout(() => socket.destroy(new Error('The server did not close the connection.')), patienceMs)
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(Buffer.concat(chunks).toString('latin1'))
    })
    socket.write(bytes)
  })
}
