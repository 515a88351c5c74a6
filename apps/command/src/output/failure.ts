import { ConfigError } from '@sluice/shared/config/config-error'
import { EndedError } from '@sluice/shared/app/run-app'

/** What the command ends with. 78 is EX_CONFIG of sysexits.h: trying again will not help. */
export const exitCodes = { done: 0, failed: 1, usage: 2, configuration: 78 } as const

/** Why a command did not do what it was asked for. The names are stable: --json shows them. */
export type FailureKind = Exclude<keyof typeof exitCodes, 'done'>

/** The command failed. The message is one sentence: what was wrong, and what would be right. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError'
  readonly kind: FailureKind = 'failed'
}

/** A file that the settings name cannot be read, or is not right. */
export class FileError extends CommandError {
  override readonly name = 'FileError'
  override readonly kind = 'configuration'
}

/** The command was called in a wrong way. */
export class UsageError extends CommandError {
  override readonly name = 'UsageError'
  override readonly kind = 'usage'
  /** The help, where nothing but that can be said. People get to read it before the message. */
  readonly help: string | undefined

  constructor(message: string, help?: string) {
    super(message)
    this.help = help
  }
}

/** A failure in words. */
export type Failure = {
  readonly kind: FailureKind
  readonly message: string
  /** Everything that is wrong with the configuration, a sentence each; empty for the other kinds. */
  readonly problems: readonly string[]
  readonly help?: string | undefined
  readonly exitCode: number
}

/** Says in words what an error means for whoever ran the command. */
export function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof EndedError) return { ...failed('failed', message), exitCode: error.exitCode }
  if (error instanceof ConfigError) return configFailure(error)
  if (error instanceof UsageError) return { ...failed(error.kind, message), help: error.help }
  if (error instanceof FileError) return { ...failed(error.kind, message), problems: [message] }
  return failed(error instanceof CommandError ? error.kind : 'failed', message)
}

function configFailure({ mayHeal, message, problems }: ConfigError): Failure {
  const said = problems.length === 1 ? problems[0]! : message
  return { ...failed(mayHeal ? 'failed' : 'configuration', said), problems }
}

function failed(kind: FailureKind, message: string): Failure {
  return { kind, message, problems: [], exitCode: exitCodes[kind] }
}
