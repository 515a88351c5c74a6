import { once } from 'node:events'
import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a member was asked: the path, and the body as JSON. */
export type Asked = {
  readonly path: string
  readonly body: Readonly<Record<string, string>>
  readonly token: string | undefined
}

export type Behaviour = (asked: Asked, outgoing: ServerResponse) => void

/** Something that listens where a member of etcd should, and behaves as a test says. */
export type FakeMember = AsyncDisposable & { readonly endpoint: string; readonly asked: Asked[]; behave: Behaviour }

export async function fakeMember(behave: Behaviour): Promise<FakeMember> {
  const asked: Asked[] = []
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Asked['body']
      const question = { path: incoming.url!, body, token: incoming.headers.authorization }
      asked.push(question)
      fake.behave(question, outgoing)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const fake = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    behave,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return fake
}

export function header(revision = 1, others: { readonly raft_term?: string; readonly cluster_id?: string } = {}) {
  return { header: { cluster_id: '7', revision: String(revision), raft_term: '2', ...others } }
}

export const base64 = (text: string) => Buffer.from(text).toString('base64')

/** A read that finds these keys, all of the revision that the answer has. */
export function found(revision: number, keys: Readonly<Record<string, string>>): object {
  const kvs = Object.entries(keys).map(([key, value]) => ({
    key: base64(key),
    value: base64(value),
    mod_revision: String(revision),
  }))
  return { ...header(revision), kvs, count: String(kvs.length) }
}

/** An error as 3.4 and 3.5 tell it. */
export function refuse(outgoing: ServerResponse, status: number, code: number, words: string): void {
  outgoing
    .writeHead(status, { 'content-type': 'application/json' })
    .end(JSON.stringify({ error: words, code, message: words }))
}

export function event(key: string, value: string | undefined, revision: number): object {
  const kv = { key: base64(key), mod_revision: String(revision) }
  return value === undefined ? { type: 'DELETE', kv } : { kv: { ...kv, value: base64(value) } }
}

/** A message of a watch. */
export function message(revision: number, fields: object): string {
  return `${JSON.stringify({ result: { ...header(revision), ...fields } })}\n`
}
