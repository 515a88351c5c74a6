import type { Found } from '../history/checks/left-behind.ts'

/** What must not fail in a run. Whatever does ends the run, which reports all the same. */
export class Steps {
  readonly #failed: string[] = []
  readonly #end: () => void

  constructor(end: () => void) {
    this.#end = end
  }

  /** @param what was to be done */
  async note(what: string, step: Promise<unknown>): Promise<void> {
    await step.catch((error: unknown) => {
      this.#failed.push(`${what}: ${error instanceof Error ? error.stack : String(error)}`)
      this.#end()
    })
  }

  get found(): Found {
    return { what: 'steps of the run that failed', found: this.#failed }
  }
}
