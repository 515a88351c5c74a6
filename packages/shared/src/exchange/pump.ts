import type { Readable, Writable } from 'node:stream'

/**
 * Copies `source` to `sink` at the sink's pace. Neither is ended or destroyed: the caller decides what the end of one
 * means for the other.
 *
 * Resolves at the source's end, or as soon as the sink takes no more (git may exit without reading all of its input).
 * Rejects with the source's error, with an error if the source is closed before its end, or with what `onBytes` throws.
 *
 * @param onBytes called with each chunk before it is written; what it returns, if anything, is written in its place
 */
export function pump(
  source: Readable,
  sink: Writable,
  onBytes: (count: number, chunk: Buffer) => Buffer | void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer) => {
      let instead: Buffer | void
      try {
        instead = onBytes(chunk.length, chunk)
      } catch (error) {
        return finish(error as Error)
      }
      if (!sink.write(instead ?? chunk)) source.pause()
    }
    const onDrain = () => source.resume()
    const onSourceEnd = () => finish()
    const onSourceError = (error: Error) => finish(error)
    const onSourceClose = () => {
      const early = source.errored ?? new Error('The source was closed before its end.')
      finish(source.readableEnded ? undefined : early)
    }
    const onSinkClose = () => finish()
    const finish = (error?: Error) => {
      source.off('data', onData).off('end', onSourceEnd).off('error', onSourceError).off('close', onSourceClose)
      sink.off('drain', onDrain).off('close', onSinkClose)
      if (error) reject(error)
      else resolve()
    }
    if (source.readableEnded || sink.destroyed) return finish()
    if (source.destroyed) return onSourceClose()
    source.on('end', onSourceEnd).on('error', onSourceError).on('close', onSourceClose)
    sink.on('drain', onDrain).on('close', onSinkClose)
    source.on('data', onData)
    source.resume()
  })
}
