/**
 * @param {number} count
 * @param {string} one
 * @param {string} many
 */
export function amount(count, one, many) {
  return `${count} ${count === 1 ? one : many}`
}

/**
 * Rounds down: 59.9 s is not a minute yet.
 *
 * @param {number} ms
 */
export function time(ms) {
  const seconds = Math.max(ms, 0) / 1000
  if (seconds < 0.1) return `${Math.floor(seconds * 1000)} ms`
  if (seconds < 10) return `${(Math.floor(seconds * 10) / 10).toFixed(1)} s`
  const [s, m, h, d] = [seconds % 60, (seconds / 60) % 60, (seconds / 3600) % 24, seconds / 86_400].map(Math.floor)
  if (seconds < 60) return `${s} s`
  if (seconds < 3600) return `${m} m ${s} s`
  return seconds < 86_400 ? `${h} h ${m} m` : `${d} d ${h} h`
}

/** @param {number} ms */
export function ago(ms) {
  return ms < 10_000 ? `${Math.floor(Math.max(ms, 0) / 1000)} s ago` : `${time(ms)} ago`
}

/** @param {number} count */
export function bytes(count) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(Math.floor(Math.log2(Math.max(count, 1)) / 10), units.length - 1)
  const value = count / 1024 ** power
  const text = power > 0 && value < 10 ? (Math.floor(value * 10) / 10).toFixed(1) : Math.floor(value)
  return `${text} ${units[power]}`
}
