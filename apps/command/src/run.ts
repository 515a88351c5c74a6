import { CommanderError } from '@commander-js/extra-typings'
import { failureOf } from './output/failure.ts'
import { showFailure } from './output/report.ts'
import { buildProgram } from './program.ts'
import { exitCodeOf } from './call/reporting.ts'
import type { Surroundings } from './call/surroundings.ts'

/**
 * Runs one command.
 *
 * @param argv without node and the file
 * @returns the exit code
 */
export async function run(argv: readonly string[], at: Surroundings): Promise<number> {
  const program = buildProgram(at)
  try {
    await program.parseAsync(argv, { from: 'user' })
    return exitCodeOf(program)
  } catch (error) {
    if (error instanceof CommanderError) return 0 // Help or the version has been printed.
    const failure = failureOf(error)
    // A wrong call may not have come as far as the options.
    showFailure(failure, argv.includes('--json'), at.stdout, at.stderr)
    return failure.exitCode
  }
}
