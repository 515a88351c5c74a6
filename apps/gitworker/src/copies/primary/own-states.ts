import { LRUCache } from 'lru-cache'
import { findRepository } from '../../repository/repository.ts'
import { cheapPartOf, readState, withReferences } from '../state/read-state.ts'
import type { RepositoryState, StateReader } from '../state/read-state.ts'
import { StateDigest } from '../state/state-digest.ts'
import type { SmallPush } from './offers.ts'

/** Repositories whose states are remembered. */
const mostKnown = 10_000

/** What a primary counts on for so long before it reads all references again. Milliseconds. */
const countedOnMs = 60_000

type Known = { readonly gitDir: string; readonly state: RepositoryState; readonly readAt: number }

/**
 * The states of a primary's own repositories. A small push changes what was read before by its own commands, so nothing is
 * read for it. It must have begun after that reading: then the reading cannot have seen its references moved.
 *
 * What other programs have changed is found by the next reading.
 */
export class OwnStates {
  readonly #root: string
  readonly #reader: StateReader
  readonly #known = new LRUCache<string, Known>({ max: mostKnown })

  constructor(root: string, reader: StateReader) {
    this.#root = root
    this.#reader = reader
  }

  /**
   * @param push the only thing that has moved references since the last time, as far as this host knows
   * @returns undefined where there is no repository
   * @throws as `readState`
   */
  async after(repository: string, push: SmallPush | undefined): Promise<RepositoryState | undefined> {
    const state = push?.isAll === true ? this.#changedBy(repository, push) : undefined
    return state ?? (await this.read(repository))
  }

  /** @returns undefined where there is none. @throws as `readState` */
  async read(repository: string): Promise<RepositoryState | undefined> {
    this.#known.delete(repository)
    const found = findRepository(this.#root, repository)
    if (!found) return undefined
    const state = await readState(found.gitDir, this.#reader, never)
    this.#known.set(repository, { gitDir: found.gitDir, state, readAt: performance.now() })
    return state
  }

  /** Whether its references should be read again, to find what other programs have changed. */
  isOld(repository: string): boolean {
    const known = this.#known.get(repository)
    return known !== undefined && performance.now() - known.readAt > countedOnMs
  }

  #changedBy(repository: string, { changes, since }: SmallPush): RepositoryState | undefined {
    const known = this.#known.get(repository)
    const found = findRepository(this.#root, repository)
    if (!known || known.gitDir !== found?.gitDir || known.readAt > since || known.state.symbolic.size > 0)
      return undefined
    const cheap = cheapPartOf(known.gitDir)
    if (!cheap) return undefined
    const references = StateDigest.parse(known.state.references).change(changes).toString()
    const state = withReferences({ ...known.state, ...cheap, references })
    this.#known.set(repository, { ...known, state })
    return state
  }
}

const never = new AbortController().signal
