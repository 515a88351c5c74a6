import { ConfigError } from './config.ts'

/** EX_CONFIG of sysexits.h: starting again will not help. */
const badConfiguration = 78

/**
 * Runs an application until it ends, and turns whatever it throws at its start into one message on standard error and
 * an exit code: 0, 1, or 78 for a configuration that is not valid.
 */
export async function runApp(app: () => Promise<void>): Promise<void> {
  try {
    await app()
    process.exitCode = 0
  } catch (error) {
    const isConfig = error instanceof ConfigError
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = isConfig ? badConfiguration : 1
  }
  if (process.connected) process.disconnect()
}
