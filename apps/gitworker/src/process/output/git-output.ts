import { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { lend, outputBufferBytes, takeBuffer } from './output-buffers.ts'

/*
 * git's standard output, read from the socket into memory of this process's choice:
 *
 *   first ──more than 16 KiB at once──▶ more ──4 MiB in all──▶ bulk
 *
 * first, more: what comes is passed on at once, in pieces of at most 16 and 64 KiB.
 * bulk: a pack. git writes a packet in two pieces, of 5 bytes and of 8 KiB or a little more. Each wakes this process, and
 *   costs both applications as much as a large piece. So if less than 128 KiB has come, a millisecond is waited for more.
 *   Meanwhile it gathers in the socket, and git does not wait.
 */

const firstBytes = 16 * 1024
const moreBytes = 64 * 1024
const bulkFrom = 4 * 1024 * 1024

const enoughBytes = 128 * 1024
const gatherMs = 1

export class GitOutput extends Readable {
  readonly #socket: Socket
  #bytesRead = 0
  #buffer: Buffer = Buffer.allocUnsafeSlow(firstBytes)
  /** What has been read and not passed on: this part of the buffer. The next read goes to its end. */
  #start = 0
  #end = 0
  #gathering: NodeJS.Timeout | undefined
  #lastLook: NodeJS.Immediate | undefined
  #isWanted = true

  /** @param accepted a connection of which no more has been read than was meant for others */
  constructor(accepted: Socket) {
    super()
    this.#socket = takeOver(accepted, {
      buffer: () => this.#buffer.subarray(this.#end),
      callback: (count) => this.#take(count),
    })
    this.#socket.on('error', (error) => this.destroy(error))
    this.#socket.on('end', () => this.#finish())
    // A connection that is closed before its end emits no error where nothing is read from it.
    this.#socket.on('close', () => this.destroy())
  }

  /** In bytes. */
  get bytesRead(): number {
    return this.#bytesRead
  }

  override _read(): void {
    this.#isWanted = true
    if (!this.#gathering) this.#socket.resume()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    clearTimeout(this.#gathering)
    clearImmediate(this.#lastLook)
    // Whoever destroys it has more to say of why, and says it before this is closed.
    if (this.#socket.closed) callback(error)
    else this.#socket.once('close', () => callback(error)).destroy()
  }

  /** @returns whether to read on */
  #take(count: number): boolean {
    this.#bytesRead += count
    this.#end += count
    const mayGather = this.#buffer.length === outputBufferBytes && !this.#lastLook
    if (!mayGather || this.#end >= enoughBytes) return this.#passOn(this.#handOver())
    this.#gathering = setTimeout(() => this.#look(), gatherMs)
    return false
  }

  /** Reads once more, if there is more by now, and passes on what there is. */
  #look(): void {
    this.#gathering = undefined
    // Comes after what can be read has been read, in the same turn of the event loop.
    this.#lastLook = setImmediate(() => {
      this.#lastLook = undefined
      if (!this.#passOn(this.#copy())) this.#socket.pause()
    })
    this.#socket.resume()
  }

  #passOn(chunk: Buffer): boolean {
    if (chunk.length > 0) this.#isWanted = this.push(chunk)
    return this.#isWanted
  }

  /**
   * What has been read, with its memory, unless it is so little that it would hold a large buffer. To be called right after a
   * read, since only then can the next one go to another buffer.
   */
  #handOver(): Buffer {
    const buffer = this.#buffer
    const [start, end] = [this.#start, this.#end]
    const next = this.#bytesRead > bulkFrom ? outputBufferBytes : end >= firstBytes ? moreBytes : buffer.length
    const chunk = next === buffer.length && end - start < buffer.length / 4 ? this.#copy() : undefined
    this.#start = this.#end = 0
    if (chunk) return chunk
    this.#buffer = next === outputBufferBytes ? takeBuffer() : Buffer.allocUnsafeSlow(next)
    return buffer.length === outputBufferBytes ? lend(buffer, start, end) : buffer.subarray(start, end)
  }

  /** A copy of what has been read. */
  #copy(): Buffer {
    const chunk = Buffer.from(this.#buffer.subarray(this.#start, this.#end))
    this.#start = this.#end
    return chunk
  }

  #finish(): void {
    this.#passOn(this.#copy())
    this.push(null)
  }
}

type OnRead = { readonly buffer: () => Uint8Array; readonly callback: (count: number) => boolean }

/**
 * Reads a connection that a server has accepted into buffers of one's own. Node offers `onread` for connections that one opens
 * oneself only; so another Socket takes over the first one's handle, as Node's own modules do.
 */
function takeOver(accepted: Socket, onread: OnRead): Socket {
  const from = accepted as unknown as { _handle: unknown }
  const options = { handle: from._handle, onread, allowHalfOpen: true }
  from._handle = null
  accepted.destroy()
  const socket = new Socket(options as unknown as ConstructorParameters<typeof Socket>[0])
  // The worker has died meanwhile.
  if (!options.handle) socket.destroy()
  return socket
}
