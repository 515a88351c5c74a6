import type { Logger } from './log.ts'

/** Puts Node's own warnings (of a deprecation, of a leak) into the log instead of on standard error. */
export function logProcessWarnings(log: Logger): void {
  // Node's own listener, which prints.
  process.removeAllListeners('warning')
  process.on('warning', (warning) => log.warn({ err: warning }, 'Node warns'))
}
