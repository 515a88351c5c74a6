import { ConfigError } from '../config/config-error.ts'

/** EX_CONFIG of sysexits.h: another start will not help. */
const badConfiguration = 78

/** An application that this process started has ended by itself, and has printed the reason. */
export class EndedError extends Error {
  override readonly name = 'EndedError'
  readonly exitCode: number

  /** @param more sentences that follow */
  constructor(what: string, exitCode: number, more?: string) {
    super(`${what} has ended.${more === undefined ? '' : ` ${more}`}`)
    this.exitCode = exitCode
  }
}

/**
 * Runs an application until it ends, and sets the exit code: 0, or 78 where the configuration is wrong and will stay so, or 1
 * for any other error.
 *
 * @param tell gets an error. By default, its message goes to standard error
 */
export async function runApp(app: () => Promise<void>, tell: (error: unknown) => void = tellPeople): Promise<void> {
  try {
    await app()
    process.exitCode = 0
  } catch (error) {
    tell(error)
    process.exitCode = exitCodeFor(error)
  }
  if (process.connected) process.disconnect()
}

/** On standard error. */
export function tellPeople(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
}

function exitCodeFor(error: unknown): number {
  if (error instanceof EndedError) return error.exitCode
  return error instanceof ConfigError && !error.mayHeal ? badConfiguration : 1
}
