import type { Readable, Writable } from 'node:stream'
import { pump } from './pump.ts'

/** What was read of a body, and whether that was the last of it. */
export type BodyPart = { readonly bytes: Buffer; readonly isWhole: boolean }

/** How much may be read ahead. */
export type Room = {
  /** In bytes. 0 or less means none. */
  readonly left: number
  take(bytes: number): void
}

/**
 * Reads a body in parts. The first part is the beginning, which decides what is done. While the request waits, a
 * bounded part of the rest is read ahead. All that is left then goes into a sink.
 *
 *   paused ──read───────▶ reading ──enough, the end, an error, or an abort──▶ paused
 *   paused ──readAhead──▶ reading ──no room, the end, an error, or disposed──▶ paused
 *   paused ──pumpTo─────▶ flowing ──the end, an error, or the sink is closed──▶ over
 *
 * Between parts the source is paused. One part is read at a time. Chunks are never cut, so a part may be larger than
 * what was asked for, by less than one chunk. What was read ahead stays here until `read`, `pumpTo` or `take` gives it
 * away. The source is neither ended nor destroyed here.
 */
export class BodyReader {
  readonly #source: Readable
  readonly #onBytes: (count: number) => void
  readonly #ahead: Buffer[] = []

  /**
   * @param source paused; nothing has been read from it
   * @param onBytes called with the size of each chunk, once, when it is read from the source
   */
  constructor(source: Readable, onBytes: (count: number) => void) {
    this.#source = source
    this.#onBytes = onBytes
  }

  /**
   * Reads until there are `enough` bytes, or to the end.
   *
   * @param onChunk gets each chunk as it comes
   * @throws the source's error, an error where it is closed before its end, or the signal's reason
   */
  read(enough: number, signal: AbortSignal, onChunk: (chunk: Buffer) => void = () => {}): Promise<BodyPart> {
    const chunks: Buffer[] = []
    let length = 0
    const add = (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.length
      onChunk(chunk)
    }
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error)
      for (const chunk of this.take()) add(chunk)
      if (length >= enough) return resolve({ bytes: Buffer.concat(chunks), isWhole: false })
      const finish = (why: Stop) => {
        stop()
        signal.removeEventListener('abort', onAbort)
        // Over HTTP/2, Node ends a body that was cancelled as though it were whole.
        if (signal.aborted) reject(signal.reason as Error)
        else if (why instanceof Error) reject(why)
        else resolve({ bytes: Buffer.concat(chunks), isWhole: why === 'end' })
      }
      const onAbort = () => finish(signal.reason as Error)
      const stop = listen(this.#source, this.#counted(add), () => length < enough, finish)
      signal.addEventListener('abort', onAbort)
    })
  }

  /** Reads on and keeps what comes, for as long as there is room, until it is disposed of. */
  readAhead(room: Room): Disposable {
    const keep = (chunk: Buffer) => {
      room.take(chunk.length)
      this.#ahead.push(chunk)
    }
    // The next reader gets an error.
    const stop = listen(
      this.#source,
      this.#counted(keep),
      () => room.left > 0,
      () => stop(),
    )
    return { [Symbol.dispose]: stop }
  }

  /** Gives away what was read ahead. */
  take(): Buffer[] {
    return this.#ahead.splice(0)
  }

  /**
   * Writes all that is left to the sink, at its pace. The sink is not ended.
   *
   * Resolves at the end of the body, or as soon as the sink takes no more.
   *
   * @param onChunk called with each chunk, and its size, before it is written; it may throw
   * @throws the source's error, an error if the source is closed before its end, or what `onChunk` throws
   */
  async pumpTo(sink: Writable, onChunk: (count: number, chunk: Buffer) => void = () => {}): Promise<void> {
    for (const chunk of this.take()) {
      onChunk(chunk.length, chunk)
      sink.write(chunk)
    }
    await pump(this.#source, sink, (count, chunk) => {
      this.#onBytes(count)
      onChunk(count, chunk)
    })
  }

  #counted(onChunk: (chunk: Buffer) => void): (chunk: Buffer) => void {
    return (chunk) => {
      this.#onBytes(chunk.length)
      onChunk(chunk)
    }
  }
}

/** Why reading stops. */
type Stop = 'enough' | 'end' | Error

/**
 * Reads a paused stream chunk by chunk while `wantsMore` says so.
 *
 * @param onStop is called when it says so no longer, at the end, or with an error; never before this function returns
 * @returns what pauses the stream again: to be called once all is read, too, and harmless after that
 */
function listen(
  source: Readable,
  onChunk: (chunk: Buffer) => void,
  wantsMore: () => boolean,
  onStop: (why: Stop) => void,
): () => void {
  const onReadable = () => {
    for (let chunk; wantsMore() && (chunk = source.read() as Buffer | null) !== null;) onChunk(chunk)
    if (!wantsMore()) onStop('enough')
  }
  const onEnd = () => onStop('end')
  const onError = (error: Error) => onStop(error)
  const onClose = () => onStop(source.errored ?? new Error('The body was closed before its end.'))
  // The source may have ended, or failed, before this function was called.
  if (source.readableEnded) queueMicrotask(onEnd)
  else if (source.destroyed) queueMicrotask(onClose)
  else source.on('readable', onReadable).on('end', onEnd).on('error', onError).on('close', onClose)
  let isOver = false
  return () => {
    if (isOver) return
    isOver = true
    // Paused first: a stream that loses its `readable` listener starts to flow otherwise.
    source.pause()
    source.off('readable', onReadable).off('end', onEnd).off('error', onError).off('close', onClose)
  }
}
