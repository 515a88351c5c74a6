import { ConfigError } from './config-error.ts'

/**
 * Opens one part of an application, as its start does, to see whether that works. What it returns is disposed of at
 * once.
 *
 * @throws {ConfigError} where it does not
 */
export type StartCheck = () => unknown

/**
 * Reports everything that stands in the way of a start at once, so that nobody mends one fault only to meet the next.
 *
 * @throws {ConfigError} with the problems of all checks, each once. It may heal only where all of them may.
 */
export async function checkAll(checks: readonly StartCheck[], first?: ConfigError): Promise<void> {
  const errors = first ? [first] : []
  for (const check of checks) {
    try {
      await giveBack(await check())
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      errors.push(error)
    }
  }
  if (errors.length === 0) return
  const problems = new Set(errors.flatMap(({ problems: ofOne }) => ofOne))
  throw new ConfigError([...problems], { mayHeal: errors.every(({ mayHeal }) => mayHeal) })
}

/**
 * For a start that has failed: looks for what else is wrong.
 *
 * @throws {ConfigError} with all of it, or the error itself where that is of another kind
 */
export async function withAllProblems(error: unknown, checks: readonly StartCheck[]): Promise<never> {
  if (error instanceof ConfigError) await checkAll(checks, error)
  throw error
}

async function giveBack(part: unknown): Promise<void> {
  if (typeof part !== 'object' || part === null) return
  if (Symbol.asyncDispose in part) await (part as AsyncDisposable)[Symbol.asyncDispose]()
  else if (Symbol.dispose in part) (part as Disposable)[Symbol.dispose]()
}
