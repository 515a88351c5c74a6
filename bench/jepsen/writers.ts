import { setTimeout as pause } from 'node:timers/promises'
import { join } from 'node:path'
import { slotOf } from '@sluice/shared/placement/slot'
import type { Cluster } from '@sluice/shared/testing/cluster'
import { ask } from '@sluice/shared/testing/http'
import { patiently } from '@sluice/shared/testing/patience'
import { packOf } from '../history/commits.ts'
import { placeOf } from '../history/clients.ts'
import type { Clients } from '../history/clients.ts'
import { pushUpdates } from '../history/git-requests.ts'
import type { Pushed, RefUpdate } from '../history/git-requests.ts'
import type { History } from '../history/history.ts'
import type { Primaries } from '../history/primaries.ts'

/**
 * Clients that change references in each way that git knows. Each has its references for itself: only so is it known which
 * removal a new reference follows.
 */
export class Writers {
  readonly #cluster: Cluster
  readonly #clients: Clients
  readonly #primaries: Primaries
  readonly #history: History
  /** By place: the newest removal that may have happened. */
  readonly #removed = new Map<string, string>()

  constructor(cluster: Cluster, clients: Clients, primaries: Primaries, history: History) {
    this.#cluster = cluster
    this.#clients = clients
    this.#primaries = primaries
    this.#history = history
  }

  /** Each push replaces all that was there. */
  async force(repository: string, ref: string): Promise<void> {
    await this.#forEver(repository, async (refs) => {
      await this.#push(repository, [{ ref, old: refs.get(ref), isOrphan: true }])
    })
  }

  /** Makes a reference, moves it, and deletes it. */
  async makeAndDelete(repository: string, ref: string): Promise<void> {
    let turn = 0
    await this.#forEver(repository, async (refs) => {
      const old = refs.get(ref)
      if (old !== undefined && turn++ % 3 === 2) await this.#remove(repository, ref, old)
      else await this.#push(repository, [{ ref, old }])
    })
  }

  /** Moves a branch, and makes a tag with it, in one step. */
  async release(repository: string, branch: string): Promise<void> {
    for (let number = 0; !this.#clients.isOver; number++) {
      const refs = await this.#clients.refsOf(repository)
      const tag = `refs/tags/v${number % mostTags}`
      if (!refs) continue
      await this.#push(repository, [
        { ref: branch, old: refs.get(branch) },
        { ref: tag, old: refs.get(tag) },
      ])
    }
  }

  /** Pushes to a repository that does not exist, and deletes it as an operator does. */
  async makeAndDeleteRepository(repository: string): Promise<void> {
    const ref = 'refs/heads/main'
    let turn = 0
    await this.#forEver(repository, async (refs) => {
      const old = refs.get(ref)
      if (old !== undefined && turn++ % 3 === 2) await this.#deleteRepository(repository, ref, old)
      else await this.#push(repository, [{ ref, old }])
    })
  }

  async #forEver(repository: string, act: (refs: ReadonlyMap<string, string>) => Promise<void>): Promise<void> {
    while (!this.#clients.isOver) {
      const refs = await this.#clients.refsOf(repository)
      if (refs) await act(refs)
    }
  }

  async #push(repository: string, wanted: readonly Wanted[]): Promise<void> {
    const made = wanted.map(({ ref, old, isOrphan = false }) => {
      const commit = this.#clients.newCommit(repository, ref, isOrphan ? undefined : old)
      this.#history.made(commit.id, old ?? this.#removed.get(placeOf(repository, ref)))
      return { repository, ref, version: commit.id, update: { ref, old, new: commit.id }, commit }
    })
    const pack = packOf(made.flatMap(({ commit }) => commit.objects))
    const updates = made.map(({ update }) => update)
    await this.#clients.write(made, true, () => pushUpdates(this.#clients.gateway(), repository, updates, pack))
  }

  async #remove(repository: string, ref: string, old: string): Promise<void> {
    const update: RefUpdate = { ref, old, new: undefined }
    await this.#removing(repository, ref, old, () =>
      pushUpdates(this.#clients.gateway(), repository, [update], undefined),
    )
  }

  async #deleteRepository(repository: string, ref: string, old: string): Promise<void> {
    const primary = this.#primaries.of(slotOf(repository))
    if (primary === undefined) return await pause(betweenMs)
    const address = `unix:${join(this.#cluster.folder, `${primary}-run/administration.sock`)}`
    await this.#removing(repository, ref, old, async () => [await deletedBy(address, repository)])
  }

  async #removing(repository: string, ref: string, old: string, act: () => Promise<readonly Pushed[]>): Promise<void> {
    const place = placeOf(repository, ref)
    const version = this.#history.madeRemoval(place, old)
    const { outcomes } = await this.#clients.write([{ repository, ref, version }], false, act)
    if (outcomes[0]?.outcome !== 'refused') this.#removed.set(place, version)
  }
}

/** A repository with a thousand tags is another test. */
const mostTags = 20
const betweenMs = 40

type Wanted = { readonly ref: string; readonly old: string | undefined; readonly isOrphan?: boolean }

/** Who cannot be reached has done nothing, and whoever says something else than that it is done may have done it. */
async function deletedBy(address: string, repository: string): Promise<Pushed> {
  try {
    const path = `/-/repositories/${encodeURIComponent(repository)}`
    const { status, body } = await patiently('an answer', ask(address, path, { method: 'DELETE' }))
    const { error } = JSON.parse(body.trim().split('\n').at(-1)!) as { error?: { reason?: string } }
    if (status === 200 && !error) return { outcome: 'acknowledged', why: 'ok' }
    return { outcome: 'unknown', why: `deletion: ${status} ${error?.reason}` }
  } catch (error) {
    return { outcome: 'unknown', why: `deletion: ${(error as NodeJS.ErrnoException).code ?? String(error)}` }
  }
}
