import type { Server } from '../peers/contestant.ts'
import { memoryMiB } from '../peers/processes.ts'

const everyMs = 200

/** Measures at intervals how much the memory of a server’s own processes has grown since the beginning. */
export class MemoryGrowth {
  readonly #server: Server
  readonly #before: number
  #most: number
  #stopped = false
  readonly #watching: Promise<void>

  static async of(server: Server): Promise<MemoryGrowth> {
    return new MemoryGrowth(server, memoryMiB(await server.ownProcesses()))
  }

  private constructor(server: Server, before: number) {
    this.#server = server
    this.#before = before
    this.#most = before
    this.#watching = this.#watch()
  }

  /**
   * Stops.
   *
   * @returns the largest growth, in MiB
   */
  async end(): Promise<number> {
    this.#stopped = true
    await this.#watching
    return this.#most - this.#before
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      this.#most = Math.max(this.#most, memoryMiB(await this.#server.ownProcesses()))
      await new Promise((resolve) => setTimeout(resolve, everyMs))
    }
  }
}
