import { pino } from 'pino'
import type { Logger } from 'pino'
import { PinoPretty } from 'pino-pretty'
import { prettyLine } from './pretty-line.ts'

export type { Logger } from 'pino'

/**
 * The log of one application, on standard output. Lines are written in the same turn of the event loop, so none is lost
 * when the process ends. What is only of use when something is looked for is at the level `debug`.
 */
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

/** For checks that only find out whether something can be opened. */
export const silentLog: Logger = pino({ level: 'silent' })

/** What is kept while the output takes nothing, because a disk is full, say. Serving goes on without a log. */
const maxUnwrittenBytes = 1024 * 1024

/** Lines are gathered for one turn of the event loop. Under load that saves a system call for each. */
const minWriteBytes = 8 * 1024

function standardOutput() {
  const destination = pino.destination({ dest: 1, sync: true, minLength: minWriteBytes, maxLength: maxUnwrittenBytes })
  destination.on('error', () => {})
  let isScheduled = false
  const flush = () => {
    isScheduled = false
    // flushSync() would wait for the disk, too, which a log is not worth in every turn. What a full disk does not take
    // is tried again with the next line.
    destination.flush()
  }
  // Not flushSync() here either: if the disk is full, or nobody reads the log any more, it never returns.
  process.on('exit', () => destination.flush())
  return {
    write(line: string) {
      destination.write(withoutSteering(line))
      if (!isScheduled) setImmediate(flush)
      isScheduled = true
    },
  }
}

/**
 * Escapes characters that control a terminal (C1), or reverse the direction of text (such as U+202E). Names and headers
 * of clients may hold them.
 */
export function withoutSteering(line: string): string {
  return line.replace(/[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, at) => escaped(character.charCodeAt(at))).join(''),
  )
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`
}

/** A line shows the fields that say most. The rest is left to the JSON form. */
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
