import type { Writable } from 'node:stream'
import type { BodyReader } from '@sluice/shared/exchange/body-reader'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { GitRequest } from '@sluice/shared/git/git-route'
import { flushPacket, isPktLines, pktLength } from '@sluice/shared/git/pkt-line'
import { smallBodyBytes } from '@sluice/shared/host-protocol/small-body'
import { errnoOf } from '@sluice/shared/machine/errno'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { commandIn, parseProtocolV2 } from '../git/protocol-v2.ts'
import type { ProtocolV2Request } from '../git/protocol-v2.ts'
import { openInflated } from './inflate.ts'
import { readAhead } from './read-ahead.ts'
import type { ReadAheadBudget } from './read-ahead.ts'

/** The body of a POST, inflated. Its beginning has been read and checked; the rest goes to git as it comes. */
export class RequestBody {
  /** The whole request, parsed, if it is small and in protocol version 2. */
  readonly protocolV2: ProtocolV2Request | undefined
  /** In protocol version 2: `ls-refs`, `fetch` … */
  readonly command: string | undefined
  #beginning: Buffer
  #isWhole: boolean
  readonly #rest: BodyReader
  readonly #limit: number
  /** Undefined where nothing is to be kept, or there was too much. */
  #kept: { readonly most: number; readonly chunks: Buffer[] } | undefined
  #isFed = false

  /**
   * Reads until there is enough to judge by: all of a fetch request that is small, or a push's first pkt-line.
   *
   * @param maxFetchRequest in bytes, inflated
   * @throws {Refusal} `wrong_content_encoding`, `bad_gzip`, `bad_pkt_line`, `body_too_large`, or the exchange's end
   */
  static async read(
    exchange: Exchange,
    request: Pick<GitRequest, 'service' | 'version'>,
    maxFetchRequest: number,
  ): Promise<RequestBody> {
    const rest = openInflated(exchange)
    exchange.invite()
    const isFetch = request.service === 'upload-pack'
    const enough = isFetch ? smallBodyBytes + 1 : flushPacket.length + 1
    const { bytes, isWhole } = await refusing(rest.read(enough, exchange.signal))
    const limit = isFetch ? maxFetchRequest : Infinity
    if (bytes.length > limit) throw new Refusal('body_too_large')
    return new RequestBody({ ...parse(request, bytes, isWhole), bytes, isWhole, rest, limit })
  }

  private constructor(
    read: Parsed & {
      readonly bytes: Buffer
      readonly isWhole: boolean
      readonly rest: BodyReader
      readonly limit: number
    },
  ) {
    this.protocolV2 = read.protocolV2
    this.command = read.command
    this.#beginning = read.bytes
    this.#isWhole = read.isWhole
    this.#rest = read.rest
    this.#limit = read.limit
  }

  /** All of the body where `isWhole`. */
  get beginning(): Buffer {
    return this.#beginning
  }

  get isWhole(): boolean {
    return this.#isWhole
  }

  /**
   * git sends this before a large body, to find out whether it will be let in (probe_rpc in remote-curl.c). It asks for
   * nothing and needs no git.
   */
  get isProbe(): boolean {
    return this.isWhole && this.beginning.toString('latin1') === flushPacket
  }

  /**
   * Reads on, until there is enough, all of it, or `most` bytes.
   *
   * @param isEnough is asked after each chunk; what it is given begins with what it was given before
   * @throws {Refusal} `bad_gzip`, or the exchange's end
   */
  async readOn(isEnough: (beginning: Buffer) => Promise<boolean>, most: number, signal: AbortSignal): Promise<void> {
    // The room is doubled each time, so that a body in small chunks is not copied as a whole for each of them.
    let room = Buffer.concat([this.#beginning, ...this.#rest.take()])
    this.#beginning = room
    while (!(await isEnough(this.#beginning)) && !this.#isWhole && this.#beginning.length < most) {
      const { bytes, isWhole } = await refusing(this.#rest.read(1, signal))
      const length = this.#beginning.length
      if (length + bytes.length > room.length) room = Buffer.concat([this.#beginning], 2 * length + bytes.length)
      bytes.copy(room, length)
      this.#beginning = room.subarray(0, length + bytes.length)
      this.#isWhole = isWhole
    }
  }

  /** Keeps what `feed` sends, if it is no more than so many bytes. */
  keep(most: number): void {
    this.#kept = { most, chunks: [] }
  }

  /** All of the body, if it was to be kept, and git has been sent all of it. */
  get kept(): Buffer | undefined {
    return this.#isFed && this.#kept ? Buffer.concat([this.#beginning, ...this.#kept.chunks]) : undefined
  }

  /** Gives the memory back. */
  forget(): void {
    this.#kept = undefined
  }

  /** Reads ahead, within a bound, until it is disposed of. To be used while the request waits. */
  readAhead(budget: ReadAheadBudget): Disposable | undefined {
    return this.isWhole ? undefined : readAhead(this.#rest, budget)
  }

  /**
   * Sends the body to git, and then ends git's input. Resolves early where git has stopped reading.
   *
   * @throws {Refusal} `bad_gzip`, `body_too_large`, or the exchange's end
   */
  async feed(stdin: Writable): Promise<void> {
    let bytes = this.beginning.length
    if (bytes > this.#limit) throw new Refusal('body_too_large')
    stdin.write(this.beginning)
    const count = (more: number, chunk: Buffer) => {
      bytes += more
      if (bytes > this.#limit) throw new Refusal('body_too_large')
      if (this.#kept && bytes > this.#kept.most) this.#kept = undefined
      this.#kept?.chunks.push(chunk)
    }
    if (!this.isWhole) await refusing(this.#rest.pumpTo(stdin, count))
    this.#isFed = true
    stdin.end()
  }
}

type Parsed = Pick<RequestBody, 'protocolV2' | 'command'>

/**
 * Looks at the first pkt-line only, for a push or for a fetch that is not whole.
 *
 * @throws {Refusal} `bad_pkt_line`
 */
function parse({ service, version }: Pick<GitRequest, 'service' | 'version'>, bytes: Buffer, isWhole: boolean): Parsed {
  const isV2 = service === 'upload-pack' && version === 2
  const isPart = service === 'receive-pack' || !isWhole
  const protocolV2 = isV2 && !isPart ? parseProtocolV2(bytes) : undefined
  const isSound = isPart ? pktLength(bytes) !== undefined : isV2 ? protocolV2 !== undefined : isPktLines(bytes)
  if (!isSound) throw new Refusal('bad_pkt_line')
  return { protocolV2, command: protocolV2?.command ?? (isV2 ? commandIn(bytes) : undefined) }
}

/** Turns the errors of zlib, and of a client that breaks off within its body, into refusals. */
async function refusing<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal(errnoOf(error).startsWith('Z_') ? 'bad_gzip' : 'client_gone', { cause: error })
  }
}
