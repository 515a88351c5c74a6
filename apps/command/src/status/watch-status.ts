import { setTimeout as wait } from 'node:timers/promises'
import type { HostStatus } from '@sluice/gitworker/operations/host-status'
import type { Surroundings } from '../call/surroundings.ts'
import { screenOf } from '../output/report.ts'
import type { Screen } from '../output/report.ts'
import { cut } from '../output/table.ts'
import { timeText } from '../output/time-text.ts'
import { statusLines } from './status-lines.ts'
import { takeScreen } from './take-screen.ts'
import type { TakenScreen } from './take-screen.ts'

/*
 * Asks once a second, with one question at a time, and draws what it got last. Whatever is shown, it is said how old
 * that is.
 */

const everyMs = 1000

/** Watches until the user ends it, and leaves the terminal as it was. */
export async function watchStatus(first: HostStatus, ask: () => Promise<HostStatus>, at: Surroundings): Promise<void> {
  using taken = takeScreen(at)
  const view = { status: first, seenAt: performance.now(), trouble: undefined as string | undefined }
  const draw = () => drawOn(taken, view, at)
  taken.onResize(draw)
  while (!taken.over.aborted) {
    draw()
    await wait(everyMs, undefined, { signal: taken.over }).catch(() => {})
    if (taken.over.aborted) return
    try {
      // A question that is under way does not keep the user waiting.
      const status = await untilAborted(ask(), taken.over)
      if (status) Object.assign(view, { status, seenAt: performance.now(), trouble: undefined })
    } catch (error) {
      view.trouble = error instanceof Error ? error.message : String(error)
    }
  }
}

type View = { readonly status: HostStatus; readonly seenAt: number; readonly trouble: string | undefined }

function drawOn(taken: TakenScreen, { status, seenAt, trouble }: View, { stdout }: Surroundings): void {
  const screen = screenOf(stdout)
  const rows = stdout.rows ?? 24
  const lines = statusLines(status, screen, rows - 2)
  const filling = Array.from({ length: Math.max(0, rows - 1 - lines.length) }, () => '')
  taken.draw([...lines, ...filling, footer(trouble, seenAt, screen)])
}

function footer(trouble: string | undefined, seenAt: number, { paint, columns }: Screen): string {
  if (trouble === undefined) return cut(paint('dim', 'q or Ctrl-C ends this view.'), columns)
  const age = timeText(performance.now() - seenAt)
  return cut(paint('red', `No answer. What is shown is ${age} old. Trying again. (${trouble})`), columns)
}

/** @returns undefined where the signal is aborted first */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const aborted = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  return await Promise.race([promise, aborted])
}
