import { randomBytes } from 'node:crypto'
import type { PushContents } from './push-contents.ts'

/** A push that git has carried out, small enough to be given to copies as it came. */
export type SmallPush = PushContents & {
  /** When git began, on the clock of `performance.now()`: before that, none of the references had moved. */
  readonly since: number
  /** Whether nothing else of the push can have changed references, such as a hook. */
  readonly isAll: boolean
}

/** Of a pack that is offered. A larger one is fetched. In bytes. */
export const maxOfferedBytes = 1024 * 1024

/** The pushes that copies may ask for, each for as long as its round is under way. */
export class Offers {
  readonly #offers = new Map<string, { readonly repository: string; readonly push: SmallPush }>()

  /** @returns an id that only those know who are told it */
  offer(repository: string, push: SmallPush): Disposable & { readonly id: string } {
    const id = randomBytes(16).toString('hex')
    this.#offers.set(id, { repository, push })
    return { id, [Symbol.dispose]: () => void this.#offers.delete(id) }
  }

  find(repository: string, id: string): SmallPush | undefined {
    const found = this.#offers.get(id)
    return found?.repository === repository ? found.push : undefined
  }
}
