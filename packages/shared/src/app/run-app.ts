import { ConfigError } from '../config/config.ts'

/** EX_CONFIG of sysexits.h: starting again will not help. */
const badConfiguration = 78

/** An application that was started by this one has ended by itself, and has said why. */
export class EndedError extends Error {
  override readonly name = 'EndedError'
  readonly exitCode: number

  constructor(what: string, exitCode: number) {
    super(`${what} has ended.`)
    this.exitCode = exitCode
  }
}

/**
 * Runs an application until it ends, and turns whatever it throws at its start into one message on standard error and
 * an exit code: 0; 78 for a configuration that no later start can work with; 1 for everything else.
 */
export async function runApp(app: () => Promise<void>): Promise<void> {
  try {
    await app()
    process.exitCode = 0
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = exitCodeFor(error)
  }
  if (process.connected) process.disconnect()
}

function exitCodeFor(error: unknown): number {
  if (error instanceof EndedError) return error.exitCode
  return error instanceof ConfigError && !error.mayHeal ? badConfiguration : 1
}
