import type { z } from 'zod'

/** The applications that read settings, as the settings name them. */
export type App = 'gateway' | 'supervisor'

/** One environment variable. */
export type Setting<T> = {
  readonly name: `SLUICE_${string}`
  /** An older name, which still works, with a warning that names the new one. */
  readonly formerly?: `SLUICE_${string}`
  /** Older values, which still work, with a warning, and what each is called now. */
  readonly formerValues?: Readonly<Record<string, string>>
  readonly apps: readonly App[]
  /** What the variable takes, for the reference and for error messages: `a whole number of 1 or more`. */
  readonly takes: string
  readonly purpose: string
  /** The default as a person would write it. Undefined: the applications that read the variable require it. */
  readonly fallback: string | undefined
  /** For the reference: how `fallback` follows from the machine, where it does. */
  readonly fallbackRule?: string
  /** A value for examples, where `fallback` follows from the machine. */
  readonly example?: string
  /** Whether it takes several texts, which are separated by commas in a variable. In a settings file they may be a list. */
  readonly isList?: true
  /** Whether its value is a secret itself, rather than the path of one. */
  readonly isSecret?: true
  /** Whether a settings file cannot have it. */
  readonly onlyInEnvironment?: true
  /** Turns the variable's text into the value, and rejects what does not fit. */
  readonly schema: z.ZodType<T, string>
}
