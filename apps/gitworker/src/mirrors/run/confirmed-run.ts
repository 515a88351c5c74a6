import type { Mirror } from '@sluice/shared/config/mirrors/mirrors-file'
import { runMirror } from './mirror-run.ts'
import type { RunResult, RunServices } from './mirror-run.ts'

export type ConfirmedRunServices = RunServices & {
  /** Brings the copies on other hosts to what a run has left. @throws where that cannot be done */
  readonly confirm: (repository: string) => Promise<void>
}

/** Runs a mirror, and brings its copies to what it has left, also where it has failed in the middle. @throws as `runMirror` */
export async function runConfirmed(
  mirror: Mirror,
  known: string | undefined,
  services: ConfirmedRunServices,
  signal: AbortSignal,
  onFetch: () => void,
): Promise<RunResult> {
  let hasFetched = false
  const noteFetch = () => {
    hasFetched = true
    onFetch()
  }
  let result: RunResult
  try {
    result = await runMirror(mirror, known, services, signal, noteFetch)
  } catch (error) {
    if (hasFetched) await services.confirm(mirror.repository).catch(() => {})
    throw error
  }
  const isAsBefore = result.digest !== undefined && result.digest === known
  if (!isAsBefore) await services.confirm(mirror.repository)
  return result
}
