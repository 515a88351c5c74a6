/*
 * What is at work in each slot that this host is primary of: pushes, and whatever else changes a repository. A slot that is
 * handed over is closed first:
 *
 *   open ──close──▶ closing ──the last hold is over──▶ closed ──reopen──▶ open
 *                      └── it takes too long, or is aborted: reopen ──▶ open
 */

type Uses = {
  count: number
  /** To be called when the slot is to be closed, or is lost: these end what can be begun again. */
  readonly giveWay: Set<() => void>
  onUnused: (() => void) | undefined
}

export class SlotHolds {
  readonly #uses = new Map<number, Uses>()
  readonly #closed = new Set<number>()

  /** Whether nothing new may begin in a slot. */
  isClosed(slot: number): boolean {
    return this.#closed.has(slot)
  }

  /** How many slots have something at work in them. */
  get size(): number {
    return this.#uses.size
  }

  /**
   * Holds a slot that is not closed, until disposed of.
   *
   * @param onGiveWay ends this use, which can be begun again
   */
  enter(slot: number, onGiveWay?: () => void): Disposable {
    const uses = this.#uses.get(slot) ?? { count: 0, giveWay: new Set(), onUnused: undefined }
    this.#uses.set(slot, uses)
    uses.count++
    if (onGiveWay) uses.giveWay.add(onGiveWay)
    let isOver = false
    return {
      [Symbol.dispose]: () => {
        if (isOver) return
        isOver = true
        uses.count--
        if (onGiveWay) uses.giveWay.delete(onGiveWay)
        if (uses.count > 0) return
        this.#uses.delete(slot)
        uses.onUnused?.()
      },
    }
  }

  /**
   * Closes a slot, and waits until nothing is at work in it. It stays closed until `reopen`.
   *
   * @returns whether nothing is at work in it; otherwise it took longer, or the signal was aborted
   */
  async close(slot: number, milliseconds: number, signal: AbortSignal): Promise<boolean> {
    this.#closed.add(slot)
    const uses = this.#uses.get(slot)
    if (!uses) return true
    const { promise, resolve } = Promise.withResolvers<boolean>()
    uses.onUnused = () => resolve(true)
    const giveUp = () => resolve(false)
    const timer = setTimeout(giveUp, milliseconds)
    signal.addEventListener('abort', giveUp, { once: true })
    if (signal.aborted) giveUp()
    else for (const end of uses.giveWay) end()
    const isUnused = await promise
    clearTimeout(timer)
    signal.removeEventListener('abort', giveUp)
    uses.onUnused = undefined
    return isUnused
  }

  reopen(slot: number): void {
    this.#closed.delete(slot)
  }

  /** Ends what can be begun again, in all slots: this host may not be primary of them any more. */
  giveWay(): void {
    for (const { giveWay } of this.#uses.values()) for (const end of giveWay) end()
  }
}
