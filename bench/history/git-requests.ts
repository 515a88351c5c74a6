import { request } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { target } from '@sluice/shared/testing/http'
import type { Commit } from './commits.ts'

/**
 * What a client knows after a push. `unknown`: it may have taken effect, or may still.
 */
export type Pushed = { readonly outcome: 'acknowledged' | 'refused' | 'unknown'; readonly why: string }

const none = '0'.repeat(40)

/** Whoever hears nothing for so long gives up. Milliseconds. */
const patience = 12_000

/** Pushes one commit to one reference, which must be at the commit's parent. */
export async function push(address: string, repository: string, ref: string, commit: Commit): Promise<Pushed> {
  const command = `${commit.parent ?? none} ${commit.id} ${ref}\0 report-status side-band-64k agent=history\n`
  const body = Buffer.concat([Buffer.from(`${packet(command)}0000`), commit.pack])
  const type = 'application/x-git-receive-pack-request'
  const answer = await ask(address, `/${repository}/git-receive-pack`, body, { 'Content-Type': type })
  // git believes an "ok" as soon as it has read it, whatever becomes of the connection.
  if (answer.body.includes(`ok ${ref}\n`)) return { outcome: 'acknowledged', why: 'ok' }
  const ng = answer.status === 200 ? /ng \S+ ([^\n]*)/.exec(answer.body)?.[1] : undefined
  if (ng !== undefined) return { outcome: 'refused', why: `ng: ${ng}` }
  if (answer.failed === 'ECONNREFUSED') return { outcome: 'refused', why: answer.failed }
  const why = answer.failed ?? `${answer.status} ${String(answer.headers['sluice-reason'] ?? '')}`
  const isRefused = answer.failed === undefined && [400, 403, 404, 409, 421, 429, 503].includes(answer.status)
  return { outcome: isRefused ? 'refused' : 'unknown', why }
}

/** All references of a repository; none where there is no such repository; undefined where nobody could say. */
export async function readRefs(
  address: string,
  repository: string,
  version: 0 | 2,
): Promise<ReadonlyMap<string, string> | undefined> {
  const answer =
    version === 0
      ? await ask(address, `/${repository}/info/refs?service=git-upload-pack`)
      : await ask(address, `/${repository}/git-upload-pack`, Buffer.from(`${packet('command=ls-refs\n')}00010000`), {
          'Content-Type': 'application/x-git-upload-pack-request',
          'Git-Protocol': 'version=2',
        })
  if (answer.failed !== undefined) return undefined
  if (answer.status === 404) return new Map()
  if (answer.status !== 200 || !answer.body.endsWith('0000')) return undefined
  const lines = answer.body.matchAll(/([0-9a-f]{40}) (refs\/[^\s\0]+)/g)
  return new Map([...lines].map(([, id, ref]) => [ref!, id!]))
}

/** Whether a host says that it takes pushes of a repository. */
export async function takesPushes(address: string, repository: string): Promise<boolean> {
  const answer = await ask(address, `/${repository}/info/refs?service=git-receive-pack`)
  return answer.failed === undefined && answer.status === 200
}

function packet(text: string): string {
  return (text.length + 4).toString(16).padStart(4, '0') + text
}

type Answer = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** What has come of it. */
  readonly body: string
  /** Why it has not come to its end. */
  readonly failed: string | undefined
}

function ask(address: string, path: string, body?: Buffer, headers?: Record<string, string>): Promise<Answer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let status = 0
    let received: IncomingHttpHeaders = {}
    const end = (failed?: string) => {
      clearTimeout(timer)
      resolve({ status, headers: received, body: Buffer.concat(chunks).toString('latin1'), failed })
    }
    const options = {
      ...target(address),
      path,
      method: body ? 'POST' : 'GET',
      ...(headers && { headers }),
      agent: false,
    }
    const sent = request(options, (response) => {
      status = response.statusCode ?? 0
      received = response.headers
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
      response.on('end', () => end())
    })
    const timer = setTimeout(() => sent.destroy(new Error('no answer')), patience)
    sent.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
    sent.end(body)
  })
}
