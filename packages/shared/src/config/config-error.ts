/** Everything that is wrong with the configuration, or with the files and addresses that it names: a line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]
  /** Whether a later start may succeed with the same configuration: a port is in use, a disk is not mounted yet. */
  readonly mayHeal: boolean

  constructor(problems: readonly string[], options: { readonly mayHeal?: boolean } = {}) {
    const mayHeal = options.mayHeal ?? false
    const what = mayHeal ? 'Sluice cannot start now' : 'The configuration is not valid'
    super(`${what}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.problems = problems
    this.mayHeal = mayHeal
  }
}

/**
 * Errors that stay until somebody mends their cause. Others (no such file, no space, address in use) can go by
 * themselves.
 */
const lasting = new Set(['EINVAL', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'ENOTDIR', 'ENOTSOCK', 'EPERM', 'EACCES'])

/** Whether what failed with this errno, for a file or an address, may succeed at a later start. */
export function isPassing(errno: string): boolean {
  return !lasting.has(errno)
}
