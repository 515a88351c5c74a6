import { Argument, Command } from '@commander-js/extra-typings'
import { environmentOf, reporting } from '../call/reporting.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { exitCodes } from '../output/failure.ts'
import type { Finding } from './findings/finding.ts'

export function checkCommand(at: Surroundings) {
  return new Command('check')
    .description('Look for everything that would keep an application from starting or working. Changes nothing.')
    .addArgument(
      new Argument('[application]', 'Which one to look at. Default: both.').choices(['gateway', 'supervisor'] as const),
    )
    .action(
      reporting(at, async (application, _options, command) => {
        const { checkAll } = await import('./check-all.ts')
        const { findingsText } = await import('./findings/findings-text.ts')
        const findings = await checkAll(application, environmentOf(at, command))
        return {
          document: documentOf(findings),
          text: (screen) => findingsText(findings, screen),
          exitCode: exitCodeFor(findings),
        }
      }),
    )
}

function documentOf(findings: readonly Finding[]) {
  return {
    ok: countOf('ok', findings),
    warnings: countOf('warning', findings),
    errors: countOf('error', findings),
    findings: findings.map(({ level, about, what, todo }) => ({ level, about, what, todo })),
  }
}

function countOf(level: Finding['level'], findings: readonly Finding[]): number {
  return findings.filter((finding) => finding.level === level).length
}

function exitCodeFor(findings: readonly Finding[]): number {
  const errors = findings.filter(({ level }) => level === 'error')
  if (errors.length === 0) return exitCodes.done
  return errors.some(({ isConfiguration }) => isConfiguration) ? exitCodes.configuration : exitCodes.failed
}
