import type { Readable } from 'node:stream'

/** Covers git's `http.postBuffer`: a body of that size is read whole. */
const maxBytes = 1024 * 1024

/** What all requests that wait may have read ahead together. */
export class ReadAheadBudget {
  #left: number

  constructor(bytes = 64 * 1024 * 1024) {
    this.#left = bytes
  }

  get left(): number {
    return this.#left
  }

  take(bytes: number): void {
    this.#left -= bytes
  }

  giveBack(bytes: number): void {
    this.#left += bytes
  }
}

/**
 * Reads on from a stream that is paused, up to 1 MiB while the budget lasts, until it is disposed of; then the stream is
 * paused again. What was read counts against the budget for that long: whoever has a slot is one of few.
 *
 * @param onChunk takes each chunk
 */
export function readAhead(stream: Readable, budget: ReadAheadBudget, onChunk: (chunk: Buffer) => void): Disposable {
  let bytes = 0
  const onReadable = () => {
    for (let chunk; bytes < maxBytes && budget.left > 0 && (chunk = stream.read() as Buffer | null) !== null;) {
      bytes += chunk.length
      budget.take(chunk.length)
      onChunk(chunk)
    }
    if (bytes >= maxBytes || budget.left <= 0) stop()
  }
  const stop = () => {
    // Paused first: without its reader the stream would start to flow.
    stream.pause()
    stream.off('readable', onReadable)
  }
  stream.on('readable', onReadable)
  return {
    [Symbol.dispose]() {
      stop()
      budget.giveBack(bytes)
    },
  }
}
