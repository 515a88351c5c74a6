import { Writable } from 'node:stream'
import { pino } from 'pino'

/** A log whose lines can be looked at. */
export function recordLog() {
  const lines: Record<string, unknown>[] = []
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().trim().split('\n')) lines.push(JSON.parse(line) as Record<string, unknown>)
      done()
    },
  })
  return { lines, log: pino({ base: null }, sink) }
}
