import { randomBytes } from 'node:crypto'
import type { ToldOrder } from '../link/told.ts'

/**
 * Numbers what this process tells its copies, in the order in which it reads its own state: what is told late was not read late.
 */
export class TellingOrder {
  readonly #run = randomBytes(8).toString('hex')
  #count = 0

  /** To be called right before the state that is told is read. */
  next(): ToldOrder {
    return { run: this.#run, count: ++this.#count }
  }
}
