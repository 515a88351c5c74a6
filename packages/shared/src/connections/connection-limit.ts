export type ConnectionLimit = { readonly limit: number; readonly warning?: string }

const most = 10_000

/** Memory of a connection before its request is judged: what Node keeps, and the body's beginning. Measured: 83 KiB. */
const bytesBeforeJudged = 96 * 1024

/** Descriptors for the listeners, the log, /proc, and Node itself. Measured: 24 in the host. */
export const ownDescriptors = 64

/**
 * How many connections may be open at once. A configured number is kept, with a warning where there are too few descriptors
 * for it.
 *
 * @param descriptors how many the process may open in all; undefined: no limit is known
 * @param perConnection how many descriptors a connection takes
 * @param memoryBytes of the machine. What is read of requests before they are judged takes an eighth of it at most
 */
export function connectionLimit(
  setting: number | 'auto',
  descriptors: number | undefined,
  perConnection: number,
  memoryBytes = Infinity,
): ConnectionLimit {
  const possible = Math.max(1, Math.floor(((descriptors ?? Infinity) - ownDescriptors) / perConnection))
  const held = Math.max(1, Math.floor(memoryBytes / 8 / bytesBeforeJudged))
  if (setting === 'auto') return { limit: Math.min(most, possible, held) }
  if (setting <= possible) return { limit: setting }
  const warning =
    `SLUICE_MAX_CONNECTIONS=${setting} may be too much: there are descriptors for ${possible} connections. ` +
    'Lower it, or raise the limit on open files (ulimit -n, LimitNOFILE in systemd).'
  return { limit: setting, warning }
}
