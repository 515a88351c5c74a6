import { ConfigError } from '@sluice/shared/config/config-error'
import type { StartCheck } from '@sluice/shared/config/start-checks'
import { checkAll } from '@sluice/shared/config/start-checks'
import { silentLog } from '@sluice/shared/telemetry/log'
import type { Logger } from '@sluice/shared/telemetry/log'
import { warning } from './finding.ts'
import type { Finding } from './finding.ts'

/** A log that keeps what a start would warn of. */
export function gatheringLog(): { readonly log: Logger; readonly warnings: readonly string[] } {
  const warnings: string[] = []
  const keep = (...args: unknown[]) => void warnings.push(args.findLast((one) => typeof one === 'string') ?? '')
  // Only these two are called with what an operator should read.
  return { log: Object.assign(Object.create(silentLog) as Logger, { warn: keep, error: keep }), warnings }
}

/** What checks of a start find, and what they warn of. */
export async function findingsOf(about: string, checks: (log: Logger) => readonly StartCheck[]): Promise<Finding[]> {
  const { log, warnings } = gatheringLog()
  const problems = await problemsOf(about, () => checkAll(checks(log)))
  return [...problems, ...new Set(warnings)].map((one) =>
    typeof one === 'string' ? warning(about, sentence(one)) : one,
  )
}

/** Runs a check that throws where something is wrong. */
export async function problemsOf(about: string, check: () => unknown): Promise<Finding[]> {
  try {
    await check()
    return []
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown
    const isConfiguration = !thrown.mayHeal
    return thrown.problems.map((what) => ({ level: 'error', about, what, todo: null, isConfiguration }))
  }
}

function sentence(text: string): string {
  return `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
}
