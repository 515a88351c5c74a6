import { Transform } from 'node:stream'

/** Passes on what comes. @param onProgress called with each piece */
export function progressOf(onProgress: () => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      onProgress()
      done(null, chunk)
    },
  })
}
