import { Refusal } from '@sluice/shared/refusal/refusal'

/** Lets one operation at a time work on a repository, and on a name that is to become one. */
export class Turns {
  readonly #taken = new Map<string, string>()

  /**
   * @param keys what is worked on: plain names, and paths of git directories
   * @param what is done there, for whoever comes meanwhile: `gc`
   * @throws {Refusal} `repository_busy` where one of them is taken
   */
  take(keys: readonly string[], what: string): Disposable {
    for (const key of keys) {
      const other = this.#taken.get(key)
      if (other !== undefined) throw busy(other)
    }
    for (const key of keys) this.#taken.set(key, what)
    return {
      [Symbol.dispose]: () => {
        for (const key of keys) this.#taken.delete(key)
      },
    }
  }
}

function busy(what: string): Refusal {
  const sentence = `Another operation (${what}) is at work on this repository. Try again when it is over.`
  return new Refusal('repository_busy', { sentence })
}
