import type { Sent } from '@sluice/gitworker/events/events-desk'
import { timeText } from '../output/time-text.ts'
import { printable } from '../output/words.ts'

/** What became of one request to a receiver. */
export function sentText({ receiver, isTaken, status, why, ms }: Sent): string {
  if (isTaken) return `${receiver} has taken it (${status}, ${timeText(ms)}).`
  return `${receiver} has not taken it: ${printable(why ?? '')} (${timeText(ms)}).`
}
