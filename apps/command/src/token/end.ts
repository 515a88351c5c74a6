import { UsageError } from '../output/failure.ts'

const hourMs = 3_600_000
const units: Readonly<Record<string, number>> = { h: hourMs, d: 24 * hourMs, w: 7 * 24 * hourMs }
const longestMs = 100 * 365 * units['d']!

/**
 * When a token ends, as the token file has it: a time in UTC, or `never`.
 *
 * @param text a time from now such as 12h, 90d or 52w; a day, through the end of which it is good in UTC; or `never`
 * @throws {UsageError}
 */
export function endIn(text: string, now: Date): string {
  if (text === 'never') return 'never'
  const end = spanEnd(text, now) ?? dayEnd(text)
  if (end === undefined) {
    throw new UsageError(
      `--expires takes a time such as 12h, 90d or 52w, a day such as 2027-01-31, or never, not ${JSON.stringify(text)}.`,
    )
  }
  if (end <= now.getTime()) throw new UsageError(`--expires ${text} is in the past.`)
  if (end > now.getTime() + longestMs) throw new UsageError('--expires takes at most 100 years, or never.')
  return new Date(end).toISOString()
}

function spanEnd(text: string, now: Date): number | undefined {
  const [, count, unit = ''] = /^(\d{1,6})([hdw])$/.exec(text) ?? []
  return count === undefined ? undefined : now.getTime() + Number(count) * units[unit]!
}

function dayEnd(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return undefined
  const start = Date.parse(`${text}T00:00:00Z`)
  // Date.parse() takes 30 February for a day in March.
  const isDay = !Number.isNaN(start) && new Date(start).toISOString().startsWith(text)
  return isDay ? start + units['d']! : undefined
}
