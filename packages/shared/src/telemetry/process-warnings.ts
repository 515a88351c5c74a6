import type { Logger } from './log.ts'

/** Has what Node warns of (a deprecation, a leak) in the log, in its form, instead of as text on standard error. */
export function logProcessWarnings(log: Logger): void {
  // Node's own listener, which prints.
  process.removeAllListeners('warning')
  process.on('warning', (warning) => log.warn({ err: warning }, 'Node warns'))
}
