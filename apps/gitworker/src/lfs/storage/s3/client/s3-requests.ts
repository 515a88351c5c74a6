import type { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { Agent, request } from 'undici'
import type { Dispatcher } from 'undici'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Signing, Unsigned } from './signing.ts'

const connections = 16
const connectMs = 5000
const pausesMs = [100, 500]
const maxAnswerBytes = 4 * 1024 * 1024
/** Silence in the middle of a reply. While an object is on its way, the client's own deadlines count. */
const silenceMs = 60_000
/** How long S3 may be silent when it has a whole object. */
const storingMs = 5 * 60_000

export type S3Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
}

/** Sends signed requests to S3, over a few connections that are kept. */
export class S3Requests implements AsyncDisposable {
  readonly #signing: Signing
  readonly #agent = new Agent({
    connections,
    connect: { timeout: connectMs },
    allowH2: false,
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
  })

  constructor(signing: Signing) {
    this.#signing = signing
  }

  /**
   * For what may be done twice: where the connection broke, or the server is busy, it is tried again.
   *
   * @param timeoutMs for each try, and for the whole answer
   * @throws {Refusal} `lfs_storage_failed`
   */
  async ask(unsigned: Unsigned, timeoutMs: number): Promise<S3Answer> {
    for (const pauseMs of pausesMs) {
      const answer = await this.#tryOnce(unsigned, timeoutMs).catch(() => undefined)
      if (answer && !isBusy(answer)) return answer
      await wait(pauseMs)
    }
    try {
      const answer = await this.#tryOnce(unsigned, timeoutMs)
      if (!isBusy(answer)) return answer
      throw unexpected(unsigned.method, answer)
    } catch (error) {
      throw error instanceof Refusal ? error : new Refusal('lfs_storage_failed', { cause: error })
    }
  }

  async #tryOnce(unsigned: Unsigned, timeoutMs: number): Promise<S3Answer> {
    const signal = AbortSignal.timeout(timeoutMs)
    return await readWhole(await this.#send(unsigned, { signal, headersTimeout: 0 }))
  }

  /**
   * Begins to read an object. The caller reads the body to its end, or destroys it.
   *
   * @throws {Refusal} `lfs_storage_failed`
   */
  async read(unsigned: Unsigned, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const reply = await this.#send(unsigned, { signal })
    if (reply.statusCode === 200 || reply.statusCode === 206) return reply
    throw unexpected('GET', await readWhole(reply))
  }

  /** Sends an object, once. @param body of the length that the headers say */
  async write(unsigned: Unsigned, body: Readable, signal: AbortSignal): Promise<S3Answer> {
    return await readWhole(await this.#send(unsigned, { signal, body, headersTimeout: storingMs }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy()
  }

  async #send(
    unsigned: Unsigned,
    options: { readonly signal: AbortSignal; readonly body?: Readable; readonly headersTimeout?: number },
  ): Promise<Dispatcher.ResponseData> {
    const { url, headers } = await this.#signing.request(unsigned)
    return await request(url, { ...options, dispatcher: this.#agent, method: unsigned.method, headers })
  }
}

async function readWhole({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<S3Answer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxAnswerBytes) throw new Error(`an answer of more than ${maxAnswerBytes} bytes`)
    chunks.push(chunk)
  }
  return { status: statusCode, headers, text: Buffer.concat(chunks).toString() }
}

function isBusy({ status }: S3Answer): boolean {
  return status >= 500 || status === 429
}

/** With what S3 said, for the log. */
export function unexpected(what: string, { status, text }: S3Answer): Refusal {
  const [, code = ''] = /<Code>([^<]{1,100})<\/Code>/.exec(text) ?? []
  const cause = new Error(`S3 answered ${what} with ${status} ${code}`.trimEnd())
  return new Refusal('lfs_storage_failed', { cause })
}
