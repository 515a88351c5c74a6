import { createGunzip } from 'node:zlib'
import type { Readable, Writable } from 'node:stream'
import { errnoOf } from '@sluice/shared/machine/errno'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { isPktLines, flushPacket, pktLength } from '@sluice/shared/git/pkt-line'
import { pump } from '@sluice/shared/exchange/pump'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Service } from '@sluice/shared/git/git-route'
import { readAhead } from './read-ahead.ts'
import type { ReadAheadBudget } from './read-ahead.ts'

/** Fetch requests are small by nature; up to here one is read whole, and checked, before anything is started. */
const maxCollectedBytes = 64 * 1024

/** The body of a POST, inflated, with its beginning read and checked: what follows goes to git as it comes. */
export class RequestBody {
  #beginning: Buffer
  #isWhole: boolean
  readonly #source: Source
  readonly #limit: number
  /** What was read after the beginning, before git was there to take it. */
  readonly #ahead: Buffer[] = []

  private constructor(beginning: Buffer, isWhole: boolean, source: Source, limit: number) {
    this.#beginning = beginning
    this.#isWhole = isWhole
    this.#source = source
    this.#limit = limit
  }

  /**
   * Reads until there is enough to judge by: all of a fetch request that is small, or a push's first pkt-line.
   *
   * @throws {Refusal} `wrong_content_encoding`, `bad_gzip`, `bad_pkt_line`, `body_too_large`, or the exchange's end
   */
  static async read(exchange: Exchange, service: Service, maxFetchRequest: number): Promise<RequestBody> {
    const source = openSource(exchange)
    exchange.invite()
    const enough = service === 'upload-pack' ? maxCollectedBytes + 1 : flushPacket.length + 1
    const { bytes, isWhole } = await readBeginning(source, enough, exchange.signal)
    const limit = service === 'upload-pack' ? maxFetchRequest : Infinity
    if (bytes.length > limit) throw new Refusal('body_too_large')
    const isComplete = isWhole && service === 'upload-pack'
    if (isComplete ? !isPktLines(bytes) : pktLength(bytes) === undefined) throw new Refusal('bad_pkt_line')
    return new RequestBody(bytes, isWhole, source, limit)
  }

  /** All of the body where `isWhole`. */
  get beginning(): Buffer {
    return this.#beginning
  }

  get isWhole(): boolean {
    return this.#isWhole
  }

  /**
   * Reads on, until there is enough, all of it, or `most` bytes.
   *
   * @param isEnough is asked with every bit that comes; what it is given begins with what it was given before
   * @throws {Refusal} `bad_gzip`, or the exchange's end
   */
  async readOn(isEnough: (beginning: Buffer) => Promise<boolean>, most: number, signal: AbortSignal): Promise<void> {
    // What dribbles in must not be copied as a whole each time.
    let room = Buffer.concat([this.#beginning, ...this.#ahead.splice(0)])
    this.#beginning = room
    while (!(await isEnough(this.#beginning)) && !this.#isWhole && this.#beginning.length < most) {
      const { bytes, isWhole } = await readBeginning(this.#source, 1, signal)
      const length = this.#beginning.length
      if (length + bytes.length > room.length) room = Buffer.concat([this.#beginning], 2 * length + bytes.length)
      bytes.copy(room, length)
      this.#beginning = room.subarray(0, length + bytes.length)
      this.#isWhole = isWhole
    }
  }

  /** The command of a request in protocol version 2: its first line, as gitprotocol-v2(5) has it. */
  get command(): string | undefined {
    return /^....command=([a-z-]{1,32})/.exec(this.beginning.toString('latin1', 0, 64))?.[1]
  }

  /** All of the body, where it is at hand and has been checked. */
  get whole(): Buffer | undefined {
    return this.isWhole && this.#limit !== Infinity ? this.beginning : undefined
  }

  /**
   * git sends this before a large body, to find out whether it will be let in (probe_rpc in remote-curl.c): it asks for
   * nothing and needs no git.
   */
  get isProbe(): boolean {
    return this.isWhole && this.beginning.toString('latin1') === flushPacket
  }

  /** Reads on, bounded, until disposed of: to be used while the request waits. */
  readAhead(budget: ReadAheadBudget): Disposable | undefined {
    if (this.isWhole) return undefined
    const { stream, onBytes } = this.#source
    return readAhead(stream, budget, (chunk) => {
      onBytes(chunk.length)
      this.#ahead.push(chunk)
    })
  }

  /**
   * Sends the body to git, and then ends git's input. Resolves early where git has stopped reading.
   *
   * @throws {Refusal} `bad_gzip`, `body_too_large`, or the exchange's end
   */
  async feed(stdin: Writable): Promise<void> {
    let bytes = 0
    for (const chunk of [this.beginning, ...this.#ahead.splice(0)]) {
      bytes += chunk.length
      stdin.write(chunk)
    }
    if (bytes > this.#limit) throw new Refusal('body_too_large')
    if (!this.isWhole) await this.#feedRest(stdin, bytes)
    stdin.end()
  }

  /** @param bytes how many have been sent already */
  async #feedRest(stdin: Writable, bytes: number): Promise<void> {
    const { stream, onBytes } = this.#source
    try {
      await pump(stream, stdin, (count) => {
        onBytes(count)
        bytes += count
        if (bytes > this.#limit) throw new Refusal('body_too_large')
      })
    } catch (error) {
      throw asRefusal(error)
    }
  }
}

type Source = {
  readonly stream: Readable
  /** To be told of what is read from `stream`, unless that was counted before it was inflated. */
  readonly onBytes: (count: number) => void
}

/** The body as it was meant, counted as it came over the wire. */
function openSource(exchange: Exchange): Source {
  const { incoming } = exchange
  const onBytes = (count: number) => exchange.received(count)
  const encoding = incoming.headers['content-encoding']?.toLowerCase() ?? 'identity'
  if (encoding === 'identity') return { stream: incoming, onBytes }
  if (encoding !== 'gzip' && encoding !== 'x-gzip') {
    throw new Refusal('wrong_content_encoding', { headers: { 'Accept-Encoding': 'gzip' } })
  }
  const gunzip = createGunzip()
  gunzip.on('error', () => {}) // Told to whoever reads.
  pump(incoming, gunzip, onBytes).then(
    () => gunzip.end(),
    (error: Error) => gunzip.destroy(error),
  )
  return { stream: gunzip, onBytes: () => {} }
}

function readBeginning(
  { stream, onBytes }: Source,
  enough: number,
  signal: AbortSignal,
): Promise<{ bytes: Buffer; isWhole: boolean }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const onReadable = () => {
      for (let chunk; length < enough && (chunk = stream.read() as Buffer | null) !== null;) {
        chunks.push(chunk)
        length += chunk.length
        onBytes(chunk.length)
      }
      if (length >= enough) finish(false)
    }
    const onEnd = () => finish(true)
    const onError = (error: Error) => finish(false, error)
    const onAbort = () => finish(false, signal.reason as Error)
    const finish = (isWhole: boolean, error?: Error) => {
      // Paused first: without its reader the stream would start to flow.
      stream.pause()
      stream.off('readable', onReadable).off('end', onEnd).off('error', onError)
      signal.removeEventListener('abort', onAbort)
      if (error) reject(asRefusal(error))
      else resolve({ bytes: Buffer.concat(chunks), isWhole })
    }
    if (signal.aborted) return onAbort()
    // It may have come to its end while it was read ahead.
    if (stream.readableEnded) return onEnd()
    if (stream.destroyed) return onError(stream.errored ?? new Error('The body was cut off.'))
    signal.addEventListener('abort', onAbort)
    stream.on('readable', onReadable).on('end', onEnd).on('error', onError)
  })
}

/** zlib's errors, and a client that broke off in mid-body. */
function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  const code = errnoOf(error)
  return new Refusal(code.startsWith('Z_') ? 'bad_gzip' : 'client_gone', { cause: error })
}
