import type { SharedPack } from './shared-pack.ts'
import type { Room } from './spool/spool-folder.ts'

/**
 * Packs on disk that are whole and may be joined. Each is dropped when its life is over, whoever reads it. Of those that
 * nobody reads, the least recently read is the first to make room.
 */
export class FinishedPacks {
  readonly #lifeMs: number
  readonly #lives = new Map<SharedPack, NodeJS.Timeout>()
  /** Those without readers: the least recently read first. */
  readonly #idle = new Set<SharedPack>()

  constructor(lifeMs: number) {
    this.#lifeMs = lifeMs
  }

  /** What can be removed to make room. */
  get removable(): Room {
    return { spools: this.#idle.size, bytes: this.#idle.values().reduce((sum, pack) => sum + pack.spooledBytes, 0) }
  }

  /** To be called whenever a pack has changed, in any state. */
  note(pack: SharedPack): void {
    this.#boundLife(pack)
    this.#idle.delete(pack)
    if (pack.isOver && pack.readers === 0 && pack.isJoinable) this.#idle.add(pack)
  }

  /** Drops the pack whose last reader left longest ago. @returns whether there was one */
  evict(): boolean {
    const [oldest] = this.#idle
    oldest?.drop()
    return oldest !== undefined
  }

  close(error: Error): void {
    for (const pack of this.#idle) pack.close(error)
  }

  #boundLife(pack: SharedPack): void {
    const isAlive = pack.state === 'finished' && pack.isJoinable
    const timer = this.#lives.get(pack)
    if (isAlive && !timer) {
      this.#lives.set(pack, setTimeout(() => pack.drop(), this.#lifeMs).unref())
    } else if (!isAlive && timer) {
      clearTimeout(timer)
      this.#lives.delete(pack)
    }
  }
}
