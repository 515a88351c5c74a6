/** Amounts and times as people read them. */

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** `1.4 GiB`. */
export function bytesInWords(bytes: number): string {
  const unit = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  const amount = bytes / 2 ** (10 * unit)
  return `${unit === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${units[unit]}`
}

/** `2026-11-26 05:12`, in the time zone of whoever reads it. `-` where there is none. */
export function timeInWords(iso: string | null): string {
  if (iso === null) return '-'
  const time = new Date(iso)
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}

/** What a repository says of itself must not change the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?')
}
