export type ConnectionLimit = { readonly limit: number; readonly warning?: string }

const most = 10_000

/** The beginning of a request's body, and what Node keeps for a connection. Measured: 83 KiB. */
const bytesBeforeJudged = 96 * 1024

/** For the listeners, the log, /proc, and what Node needs itself. Measured: 24 in the supervisor. */
export const ownDescriptors = 64

/**
 * How many connections may be open at once. A number that was asked for is kept, with a warning where there are not
 * enough descriptors for it.
 *
 * @param descriptors as many as are there for connections and for the process itself; undefined: no limit is known
 * @param perConnection how many one takes
 * @param memoryBytes of the machine; what may be read of a request before it is judged takes an eighth of it at most
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
