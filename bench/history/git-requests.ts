import { request } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { target } from '@sluice/shared/testing/http'
import { patienceMs } from '@sluice/shared/testing/patience'
import type { Commit } from './commits.ts'

/**
 * What a client knows after a push. `unknown`: it may have taken effect, or may still.
 */
export type Pushed = { readonly outcome: 'acknowledged' | 'refused' | 'unknown'; readonly why: string }

const none = '0'.repeat(40)

/** Whoever hears nothing for so long gives up: after 12 s, where tests wait for a minute. Milliseconds. */
const patience = patienceMs / 5

/** Undefined: there is none, or is to be none. */
export type RefUpdate = { readonly ref: string; readonly old: string | undefined; readonly new: string | undefined }

/**
 * Pushes one commit to one reference, which must be at the commit's parent.
 *
 * @param patienceFor after how many milliseconds without a word the client leaves
 */
export async function push(
  address: string,
  repository: string,
  ref: string,
  commit: Commit,
  patienceFor = patience,
): Promise<Pushed> {
  const update = { ref, old: commit.parent, new: commit.id }
  const [pushed] = await pushUpdates(address, repository, [update], commit.pack, patienceFor)
  return pushed!
}

/**
 * Pushes some references at once.
 *
 * @param pack undefined where all are deleted
 * @returns what has become of each
 */
export async function pushUpdates(
  address: string,
  repository: string,
  updates: readonly RefUpdate[],
  pack: Buffer | undefined,
  patienceFor = patience,
): Promise<Pushed[]> {
  const isAtomic = updates.length > 1 ? ' atomic' : ''
  const capabilities = `\0 report-status side-band-64k delete-refs${isAtomic} agent=history`
  const commands = updates.map(
    ({ ref, old, new: now }, at) => `${old ?? none} ${now ?? none} ${ref}${at === 0 ? capabilities : ''}\n`,
  )
  const body = Buffer.concat([Buffer.from(`${commands.map(packet).join('')}0000`), ...(pack ? [pack] : [])])
  const type = 'application/x-git-receive-pack-request'
  const asked = { body, headers: { 'Content-Type': type }, patienceFor }
  const answer = await ask(address, `/${repository}/git-receive-pack`, asked)
  return updates.map(({ ref }) => outcomeOf(answer, ref))
}

function outcomeOf(answer: Answer, ref: string): Pushed {
  // git believes an "ok" as soon as it has read it, whatever becomes of the connection.
  if (answer.body.includes(`ok ${ref}\n`)) return { outcome: 'acknowledged', why: 'ok' }
  const at = answer.status === 200 ? answer.body.indexOf(`ng ${ref} `) : -1
  if (at >= 0) return { outcome: 'refused', why: `ng: ${/[^\n]*/.exec(answer.body.slice(at + ref.length + 4))![0]}` }
  if (answer.failed === 'ECONNREFUSED') return { outcome: 'refused', why: answer.failed }
  const why = answer.failed ?? `${answer.status} ${String(answer.headers['sluice-reason'] ?? '')}`
  const isRefused = answer.failed === undefined && [400, 403, 404, 409, 421, 429, 503, 507].includes(answer.status)
  return { outcome: isRefused ? 'refused' : 'unknown', why }
}

/**
 * All references of a repository; none where there is no such repository; undefined where nobody could say.
 *
 * @param client the address from which it is asked
 */
export async function readRefs(
  address: string,
  repository: string,
  version: 0 | 2,
  client?: string,
): Promise<ReadonlyMap<string, string> | undefined> {
  const answer =
    version === 0
      ? await ask(address, `/${repository}/info/refs?service=git-upload-pack`, { client })
      : await ask(address, `/${repository}/git-upload-pack`, {
          client,
          body: Buffer.from(`${packet('command=ls-refs\n')}00010000`),
          headers: { 'Content-Type': 'application/x-git-upload-pack-request', 'Git-Protocol': 'version=2' },
        })
  if (answer.failed !== undefined) return undefined
  if (answer.status === 404) return new Map()
  if (answer.status !== 200 || !answer.body.endsWith('0000')) return undefined
  const lines = answer.body.matchAll(/([0-9a-f]{40}) (refs\/[^\s\0]+)/g)
  return new Map([...lines].map(([, id, ref]) => [ref!, ofItsOwn(id!)]))
}

/** Without the text that it is a part of, which would stay in memory as long as the part. */
function ofItsOwn(part: string): string {
  return Buffer.from(part, 'latin1').toString('latin1')
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

type Asked = {
  readonly body?: Buffer
  readonly headers?: Record<string, string>
  /** The address from which it is asked. */
  readonly client?: string | undefined
  readonly patienceFor?: number
}

function ask(address: string, path: string, asked: Asked = {}): Promise<Answer> {
  const { body, headers, client, patienceFor = patience } = asked
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
      ...(client !== undefined && { localAddress: client }),
      agent: false,
    }
    const sent = request(options, (response) => {
      status = response.statusCode ?? 0
      received = response.headers
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
      response.on('end', () => end())
    })
    const timer = setTimeout(() => sent.destroy(new Error('no answer')), patienceFor)
    sent.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
    sent.end(body)
  })
}
