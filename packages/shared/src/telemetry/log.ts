import { pino } from 'pino'
import type { Logger } from 'pino'
import { PinoPretty } from 'pino-pretty'
import { prettyLine } from './pretty-line.ts'

export type { Logger } from 'pino'

/** The log of one application, on standard output. Lines are written in the turn of the event loop in which they were said: none is lost when the process ends. */
export function openLog(app: string, config: { logLevel: string; logFormat: 'json' | 'pretty' }): Logger {
  const options = {
    level: config.logLevel,
    base: { app, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { tidyError: pino.stdSerializers.err },
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return config.logFormat === 'json' ? pino(options, standardOutput()) : pino(options, pretty())
}

/** For whoever looks only whether something could be opened. */
export const silentLog: Logger = pino({ level: 'silent' })

/** Bounded: what is kept while the output takes nothing, for a full disk, say. Serving goes on without a log. */
const maxUnwrittenBytes = 1024 * 1024

/** Lines are gathered for one turn of the event loop, which under load saves a system call for each. */
const minWriteBytes = 8 * 1024

function standardOutput() {
  const destination = pino.destination({ dest: 1, sync: true, minLength: minWriteBytes, maxLength: maxUnwrittenBytes })
  destination.on('error', () => {})
  let isScheduled = false
  const flush = () => {
    isScheduled = false
    // Not flushSync(), which waits for the disk too: a log is not worth that for every turn. What a full disk does not take is
    // tried again with the next line.
    destination.flush()
  }
  process.on('exit', () => {
    try {
      destination.flushSync()
    } catch {
      // A full disk, or nobody who reads.
    }
  })
  return {
    write(line: string) {
      destination.write(withoutSteering(line))
      if (!isScheduled) setImmediate(flush)
      isScheduled = true
    },
  }
}

/**
 * A line of JSON may hold characters that steer a terminal in which somebody looks at it (C1), or turn its text round (such as
 * U+202E): they come with names and headers of clients, and are escaped.
 */
function withoutSteering(line: string): string {
  return line.replace(/[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, at) => escaped(character.charCodeAt(at))).join(''),
  )
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`
}

/** The fields that say most stand in the line; the rest is left to the JSON form. */
function pretty() {
  return PinoPretty({
    sync: true,
    destination: 1,
    colorize: process.stdout.isTTY,
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,hostname',
    hideObject: true,
    messageFormat: prettyLine,
  })
}
