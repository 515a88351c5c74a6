import { join } from 'node:path'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { fullSentence } from '../../capacity/push-room.ts'
import type { RepositorySizes } from '../../capacity/repository-size.ts'
import type { Coming, LfsSizes } from './lfs-sizes.ts'
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
    const { maxRepository, lfsSizes } = this.#services
    const limit = maxRepository(repository)
    if (limit === undefined) return
    const ofGit = place ? await this.#ofGit(place) : 0
    const used = ofGit + (place ? await lfsSizes.of(place, limit - ofGit - bytes) : 0)
    if (used + bytes > limit) throwFull(limit, used)
  }

  /**
   * @param announced the size that the client has told; 0 where it has told none
   * @throws {Refusal} `lfs_object_too_large`, `repository_full`
   */
  async reserve(repository: string, place: LfsPlace, announced: number): Promise<Reserved> {
    const problem = this.problemWith(announced)
    if (problem) throw problem
    const coming = await this.#coming(repository, place, announced)
    return {
      check: (bytes) => {
        const tooLarge = coming?.hasRoomFor(bytes) === false ? new Refusal('repository_full') : this.problemWith(bytes)
        if (tooLarge) throw tooLarge
      },
      stored: (bytes) => this.#services.lfsSizes.stored(place, bytes),
      [Symbol.dispose]: () => coming?.[Symbol.dispose](),
    }
  }

  /** @returns undefined where there is no limit. @throws {Refusal} `repository_full` */
  async #coming(repository: string, place: LfsPlace, announced: number): Promise<Coming | undefined> {
    const { maxRepository, lfsSizes } = this.#services
    const limit = maxRepository(repository)
    if (limit === undefined) return undefined
    const ofGit = await this.#ofGit(place)
    const coming = await lfsSizes.coming(place, announced, limit - ofGit)
    return coming ?? throwFull(limit, ofGit + (await lfsSizes.of(place)))
  }

  #ofGit({ gitDir }: LfsPlace): Promise<number> {
    return this.#services.sizes.of(join(gitDir, 'objects'))
  }
}

function throwFull(limit: number, used: number): never {
  throw new Refusal('repository_full', { sentence: fullSentence({ bytes: 1, of: 'repository', limit, used }) })
}
