/** Everything that is wrong with the configuration, or with what it names, a line each. */
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

/** What a user of Unix knows to be wrong for good; everything else (no such file, no space, in use) can change by itself. */
const lasting = new Set(['EINVAL', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'ENOTDIR', 'ENOTSOCK', 'EPERM', 'EACCES'])

/** Whether what went wrong with a file or an address, by errno's name, may go right at a later start. */
export function isPassing(errno: string): boolean {
  return !lasting.has(errno)
}
