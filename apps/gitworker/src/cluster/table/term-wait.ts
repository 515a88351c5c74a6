import { addAbortListener } from 'node:events'
import type { SlotTable } from './slot-table.ts'

/**
 * Waits until the table has the change with which a term of a slot began. A gateway may have heard of it first.
 *
 * @returns when it has, after so many milliseconds, or when the signal is aborted
 */
export async function untilTermIsKnown(
  table: SlotTable,
  slot: number,
  term: number,
  milliseconds: number,
  signal: AbortSignal,
): Promise<void> {
  const isKnown = () => table.at(slot).revision >= term
  if (isKnown() || signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  using _listening = table.listen((changed) => {
    if (changed === slot && isKnown()) resolve()
  })
  using _aborting = addAbortListener(signal, () => resolve())
  const timer = setTimeout(resolve, milliseconds)
  await promise
  clearTimeout(timer)
}
