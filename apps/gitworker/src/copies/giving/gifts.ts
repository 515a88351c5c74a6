import { randomBytes } from 'node:crypto'
import type { Given } from '../link/given.ts'

/** A repository that another host may ask for, although it is no copy of it. */
export type Gift = {
  readonly kind: Given['kind']
  /** Its plain name. */
  readonly repository: string
  readonly gitDir: string
}

/** What this host gives to others at the moment. An id is known to the two hosts only. */
export class Gifts {
  readonly #gifts = new Map<string, Gift>()

  /** It may be asked for until it is disposed of. */
  offer(gift: Gift): Disposable & { readonly id: string } {
    const id = randomBytes(16).toString('hex')
    this.#gifts.set(id, gift)
    return { id, [Symbol.dispose]: () => void this.#gifts.delete(id) }
  }

  /** @returns undefined where it is not offered, or not any more */
  find(id: string, repository: string): Gift | undefined {
    const gift = this.#gifts.get(id)
    return gift?.repository === repository ? gift : undefined
  }
}
