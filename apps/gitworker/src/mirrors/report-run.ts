import type { Mirror } from '@sluice/shared/config/mirrors/mirrors-file'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { MirrorError, MirrorFailure } from './run/mirror-error.ts'
import type { RunResult } from './run/mirror-run.ts'
import type { MirrorState } from './mirror-state.ts'

export type MirrorRun = { readonly result: 'changed' | 'unchanged' | MirrorFailure; readonly milliseconds: number }

export type ReportServices = { readonly onRun: (run: MirrorRun) => void }

/** @param took milliseconds */
export function reportSuccess(
  { repository, upstream }: Mirror,
  { isNew, changes }: RunResult,
  took: number,
  { onRun }: ReportServices,
  log: Logger,
): void {
  onRun({ result: changes > 0 ? 'changed' : 'unchanged', milliseconds: took })
  const line = { repository, upstream: upstream.url, changes, ms: Math.round(took) }
  if (isNew) log.info(line, 'mirror: copied for the first time')
  else if (changes > 0) log.info(line, 'mirror: brought up to date')
  else log.debug(line, 'mirror: nothing new')
}

/** Notes a failure, and says when it is tried again. */
export function reportFailure(
  state: MirrorState,
  error: MirrorError,
  took: number,
  { onRun }: ReportServices,
  log: Logger,
): void {
  const { repository, upstream } = state.mirror
  const { failure, message: said } = error
  const now = performance.now()
  if (failure === 'busy') state.postponed(now, said)
  else state.failed(failure, said, now)
  onRun({ result: failure, milliseconds: took })
  const nextInMs = Math.round(state.dueAt - now)
  const line = { repository, upstream: upstream.url, failure, said, nextInMs, ms: Math.round(took) }
  if (failure === 'busy') log.debug(line, 'mirror: postponed')
  else log.warn(failure === 'failed' ? { ...line, err: error } : line, 'mirror: failed, and is tried again later')
}
