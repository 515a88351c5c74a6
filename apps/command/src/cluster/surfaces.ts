import type { Report } from '../output/report.ts'

/** Where things are said. */
export type Surfaces = {
  announce(announcement: Report): void
  say(text: string): void
}
