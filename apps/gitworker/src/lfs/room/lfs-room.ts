import { join } from 'node:path'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { fullSentence } from '../../capacity/push-room.ts'
import type { RepositorySizes } from '../../capacity/repository-size.ts'
import type { LfsSizes } from './lfs-sizes.ts'
import type { LfsPlace } from '../storage/lfs-storage.ts'

export type LfsRoomServices = {
  /** The largest repository in bytes, by the name as addressed; undefined is none. */
  readonly maxRepository: (repository: string) => number | undefined
  /** The largest object in bytes; undefined is none. */
  readonly maxObject: number | undefined
  /** Of git's objects, by their folder. */
  readonly sizes: Pick<RepositorySizes, 'of'>
  readonly lfsSizes: LfsSizes
}

/** Room for one upload. Given back when disposed of: from then on, what was stored counts as itself. */
export type Reserved = Disposable & {
  /** To be called with the number of bytes that have come. @throws {Refusal} where these are too many */
  check(bytes: number): void
  /** To be called when a new object has been stored. */
  stored(bytes: number): void
}

/** How much may be uploaded. */
export class LfsRoom {
  readonly #services: LfsRoomServices

  constructor(services: LfsRoomServices) {
    this.#services = services
  }

  /** Why an object of this size is not taken; undefined where it is. */
  problemWith(size: number): Refusal | undefined {
    const { maxObject } = this.#services
    if (maxObject === undefined || size <= maxObject) return undefined
    const sentence = `The object has ${size} bytes. At most ${maxObject} bytes may be uploaded here.`
    return new Refusal('lfs_object_too_large', { sentence })
  }

  /**
   * @param repository its name as addressed
   * @param place undefined where it does not exist yet
   * @throws {Refusal} `repository_full` where there is no room for so many bytes more
   */
  async check(repository: string, place: LfsPlace | undefined, bytes: number): Promise<void> {
    await this.#left(repository, place, bytes)
  }

  /**
   * @param announced the size that the client has told; 0 where it has told none
   * @throws {Refusal} `lfs_object_too_large`, `repository_full`
   */
  async reserve(repository: string, place: LfsPlace, announced: number): Promise<Reserved> {
    const { lfsSizes } = this.#services
    const problem = this.problemWith(announced)
    if (problem) throw problem
    const left = await this.#left(repository, place, announced)
    const coming = lfsSizes.coming(place, announced)
    return {
      check: (bytes) => {
        const tooLarge = bytes > left ? new Refusal('repository_full') : this.problemWith(bytes)
        if (tooLarge) throw tooLarge
      },
      stored: (bytes) => lfsSizes.stored(place, bytes),
      [Symbol.dispose]: () => coming[Symbol.dispose](),
    }
  }

  /** @returns how many bytes may come; Infinity where there is no limit */
  async #left(repository: string, place: LfsPlace | undefined, bytes: number): Promise<number> {
    const limit = this.#services.maxRepository(repository)
    if (limit === undefined) return Infinity
    const used = place ? await this.#used(place) : 0
    if (used + bytes <= limit) return limit - used
    throw new Refusal('repository_full', { sentence: fullSentence({ bytes: 1, of: 'repository', limit, used }) })
  }

  async #used(place: LfsPlace): Promise<number> {
    const { sizes, lfsSizes } = this.#services
    return (await sizes.of(join(place.gitDir, 'objects'))) + (await lfsSizes.of(place))
  }
}
