/** What was looked at, and what was found. The names are those of the document that `sluice check --json` prints. */
export type Finding = {
  readonly level: 'ok' | 'warning' | 'error'
  /** What it is about: `git`, `disk`, `SLUICE_LISTEN`. */
  readonly about: string
  readonly what: string
  /** What to do, where `what` does not say it. */
  readonly todo: string | null
  /** Whether trying again would not help: the configuration itself is wrong. */
  readonly isConfiguration: boolean
}

export function ok(about: string, what: string): Finding {
  return { level: 'ok', about, what, todo: null, isConfiguration: false }
}

export function warning(about: string, what: string, todo: string | null = null): Finding {
  return { level: 'warning', about, what, todo, isConfiguration: false }
}

export function error(about: string, what: string, todo: string | null = null): Finding {
  return { level: 'error', about, what, todo, isConfiguration: false }
}
