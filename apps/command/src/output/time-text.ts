/** As much as says something: `300 ms`, `4.2 s`, `3 h 5 m`. It rounds down: 59.9 s is not a minute yet. */
export function timeText(ms: number): string {
  const seconds = Math.max(ms, 0) / 1000
  if (seconds < 0.1) return `${Math.floor(seconds * 1000)} ms`
  if (seconds < 10) return `${(Math.floor(seconds * 10) / 10).toFixed(1)} s`
  const [s, m, h, d] = [seconds % 60, (seconds / 60) % 60, (seconds / 3600) % 24, seconds / 86_400].map(Math.floor)
  if (seconds < 60) return `${s} s`
  if (seconds < 3600) return `${m} m ${s} s`
  return seconds < 86_400 ? `${h} h ${m} m` : `${d} d ${h} h`
}
