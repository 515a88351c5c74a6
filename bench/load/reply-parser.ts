import { BodyEnds } from './body-ends.ts'

type State = 'head' | 'counted' | 'until-close' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer' | 'complete'

const newline = 0x0a

/**
 * Reads one HTTP/1.1 reply (RFC 9112) with as little work for each byte as possible, so that the server is measured and
 * not this program. Bodies are counted and not kept.
 */
export class ReplyParser {
  readonly body = new BodyEnds()
  status = 0
  contentType = ''
  keepAlive = true
  #state: State = 'head'
  #head = ''
  /** Of the counted body, or of the current chunk. */
  #left = 0
  #lineIsEmpty = true
  readonly #onBody: (() => void) | undefined

  /** @param onBody is called whenever some of the body has been read */
  constructor(onBody?: () => void) {
    this.#onBody = onBody
  }

  get complete(): boolean {
    return this.#state === 'complete'
  }

  /** Takes the first `end` bytes of `bytes`. @throws if the reply is over before they are */
  read(bytes: Buffer, end: number): void {
    let at = 0
    while (at < end) {
      switch (this.#state) {
        case 'head':
          at = this.#readHead(bytes, at, end)
          break
        case 'counted':
        case 'chunk':
        case 'until-close':
          at = this.#readBody(bytes, at, end)
          break
        case 'chunk-size':
          at = this.#readChunkSize(bytes, at)
          break
        case 'chunk-end':
          if (bytes[at++] === newline) this.#state = 'chunk-size'
          break
        case 'trailer':
          at = this.#readTrailer(bytes, at)
          break
        case 'complete':
          throw new Error('The server sent more than one reply.')
      }
    }
  }

  /** The connection has been closed. @throws if the reply is not whole */
  close(): void {
    if (this.#state === 'until-close') this.#state = 'complete'
    if (this.#state !== 'complete') throw new Error(`The connection was closed after ${this.body.bytes} bytes of body.`)
  }

  #readHead(bytes: Buffer, at: number, end: number): number {
    this.#head += bytes.toString('latin1', at, end)
    const headEnd = this.#head.indexOf('\r\n\r\n')
    if (headEnd < 0) return end
    const next = end - (this.#head.length - headEnd - 4)
    this.#begin(this.#head.slice(0, headEnd + 2))
    this.#head = ''
    return next
  }

  #begin(head: string): void {
    this.status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0)
    if (this.status === 0) throw new Error(`This is no HTTP reply: ${head.slice(0, 60)}`)
    // An interim reply, such as 102, comes before the one that counts.
    if (this.status < 200) return
    this.contentType = /\r\nContent-Type: *([^\r;]*)/i.exec(head)?.[1] ?? ''
    this.keepAlive = !/\r\nConnection: *close/i.test(head)
    const length = /\r\nContent-Length: *(\d+)/i.exec(head)?.[1]
    if (/\r\nTransfer-Encoding: *chunked/i.test(head)) {
      this.#state = 'chunk-size'
    } else if (length === undefined) {
      this.keepAlive = false
      this.#state = 'until-close'
    } else {
      this.#left = Number(length)
      this.#state = this.#left === 0 ? 'complete' : 'counted'
    }
  }

  #readBody(bytes: Buffer, at: number, end: number): number {
    const until = this.#state === 'until-close' ? end : Math.min(end, at + this.#left)
    this.body.add(bytes, at, until)
    this.#left -= until - at
    if (this.#left === 0 && this.#state !== 'until-close') {
      this.#state = this.#state === 'counted' ? 'complete' : 'chunk-end'
    }
    this.#onBody?.()
    return until
  }

  #readChunkSize(bytes: Buffer, at: number): number {
    const byte = bytes[at]!
    if (byte !== newline) {
      this.#head += String.fromCharCode(byte)
      return at + 1
    }
    this.#left = Number.parseInt(this.#head, 16)
    if (!Number.isInteger(this.#left)) throw new Error(`This is no chunk’s size: ${this.#head.slice(0, 20)}`)
    this.#head = ''
    this.#state = this.#left === 0 ? 'trailer' : 'chunk'
    return at + 1
  }

  /** Trailer fields, if any, and an empty line. */
  #readTrailer(bytes: Buffer, at: number): number {
    const byte = bytes[at]!
    if (byte === newline && this.#lineIsEmpty) this.#state = 'complete'
    else if (byte === newline) this.#lineIsEmpty = true
    else if (byte !== 0x0d) this.#lineIsEmpty = false
    return at + 1
  }
}
