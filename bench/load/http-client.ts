import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { checkBody, checkHead } from './check-reply.ts'
import { sendChunkedFile } from './chunked-file.ts'
import type { Client } from './client.ts'
import type { GitRequest } from './git-request.ts'
import { httpBytes } from './http-bytes.ts'
import { ReplyParser } from './reply-parser.ts'

const patienceMs = 120_000

/** All connections read into the same memory, because what they read is counted and not kept. */
const shared = Buffer.allocUnsafeSlow(256 * 1024)

type Exchange = { readonly parser: ReplyParser; settle(error?: Error): void }

/** One keep-alive connection. It is opened again if the server has closed it. */
export class HttpClient implements Client {
  readonly #port: number
  readonly #bytes = new WeakMap<GitRequest, Buffer>()
  #socket: Socket | undefined
  #exchange: Exchange | undefined

  constructor(port: number) {
    this.#port = port
  }

  async ask(request: GitRequest): Promise<void> {
    let bytes = this.#bytes.get(request)
    if (!bytes) this.#bytes.set(request, (bytes = httpBytes(request, this.#port)))
    const parser = new ReplyParser()
    const socket = (this.#socket ??= this.#connect())
    const replied = new Promise<void>((resolve, reject) => {
      this.#exchange = { parser, settle: (error) => (error ? reject(error) : resolve()) }
    })
    socket.write(bytes)
    const sent = request.body && 'file' in request.body ? sendChunkedFile(socket, request.body.file) : undefined
    await Promise.all([replied, sent])
    if (!parser.keepAlive) this[Symbol.dispose]()
    checkHead(request, parser.status, parser.contentType, parser.body)
    checkBody(request, parser.body)
  }

  [Symbol.dispose](): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #connect(): Socket {
    const onread = { buffer: shared, callback: (count: number) => this.#read(count) }
    const socket = connect({ host: '127.0.0.1', port: this.#port, noDelay: true, onread })
    socket.setTimeout(patienceMs, () => socket.destroy(new Error(`Nothing came for ${patienceMs} ms.`)))
    socket.on('error', (error) => this.#settle(error))
    socket.on('close', () => {
      if (this.#socket !== socket) return
      this.#socket = undefined
      if (this.#exchange) this.#attempt((parser) => parser.close())
    })
    return socket
  }

  #read(count: number): boolean {
    this.#attempt((parser) => parser.read(shared, count))
    return true
  }

  #attempt(step: (parser: ReplyParser) => void): void {
    const { parser } = this.#exchange ?? {}
    if (!parser) return
    try {
      step(parser)
      if (parser.complete) this.#settle()
    } catch (error) {
      this.#settle(error as Error)
    }
  }

  #settle(error?: Error): void {
    if (error) this[Symbol.dispose]()
    const exchange = this.#exchange
    this.#exchange = undefined
    exchange?.settle(error)
  }
}
