import type { Logger } from '@sluice/shared/telemetry/log'
import { whyOf } from '@sluice/shared/telemetry/why'
import type { SlotView } from '../slot-view.ts'
import type { Attempt } from './attempts.ts'
import type { CatchingUpProgress } from './progress.ts'

/** Whether the table says by now that this host has nothing to bring to this copy. */
export function isOthers(view: SlotView, { slot, copy, term }: Attempt): boolean {
  const record = view.slot(slot)
  return record?.primary !== view.name || record.term !== term || !record.copies.includes(copy)
}

/** The same, or the copy's host has gone. Then nothing has failed. */
export function isOver(view: SlotView, attempt: Attempt): boolean {
  return isOthers(view, attempt) || view.addressOf(attempt.copy) === undefined
}

/**
 * The table of the copy's host may have moved on before this host's has: so a failure is no warning until there is a second
 * one.
 */
export function sayFailure(
  log: Logger,
  progress: CatchingUpProgress,
  { slot, copy, term, failures }: Attempt,
  error: unknown,
): void {
  const line = { ...whyOf(error), slot, copy, term }
  if (progress.isWorthALine(copy)) {
    if (failures === 0) log.info(line, 'a slot of a copy could not be brought in sync: tried again')
    else log.warn(line, 'a slot of a copy cannot be brought in sync')
  }
  if (failures > 0) progress.warned(copy)
}

/** The copy has not said what it has of some slots. It may be about to stop: so that is no warning the first time, either. */
export function sayUnheard(
  log: Logger,
  progress: CatchingUpProgress,
  copy: string,
  attempts: readonly Attempt[],
  error: unknown,
): void {
  const isFirst = attempts.every(({ failures }) => failures === 0)
  if (!isFirst) progress.warned(copy)
  const words = isFirst ? 'a copy could not be brought in sync: tried again' : 'a copy cannot be brought in sync'
  log[isFirst ? 'info' : 'warn']({ ...whyOf(error), copy, slots: attempts.length }, words)
}

export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
