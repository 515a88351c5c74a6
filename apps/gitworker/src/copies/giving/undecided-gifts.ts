import { setTimeout as pause } from 'node:timers/promises'
import { slotOf } from '@sluice/shared/placement/slot'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { Tenure } from '../../cluster/placement/tenure.ts'
import type { RunJob } from '../../process/job/job.ts'
import { readGivenMark, removeGivenMark } from '../../repository/given-mark.ts'
import type { GivenMark } from '../../repository/given-mark.ts'
import { findRepository } from '../../repository/repository.ts'
import type { HostLinks } from '../link/host-links.ts'
import { outcomePath, readOutcomeAnswer } from '../link/given.ts'
import type { Outcome } from '../link/given.ts'
import { tellCopy } from '../link/tell-copy.ts'
import { confirmCopies } from '../primary/confirm-copies.ts'
import type { Copies } from '../primary/copies.ts'
import type { SlotView } from '../slot-view.ts'
import { outcomeOf } from './outcome.ts'
import type { OutcomeServices } from './outcome.ts'

/*
 * Repositories of this host that have got a new name from another host, which has not said that the old one is gone:
 *
 *   marked ──the primary of the old name is asked──┬─▶ gone ──▶ the mark goes: it takes pushes
 *     ▲                                            ├─▶ stays ──▶ it goes to the trash: the old one has all that it has
 *     └───── undecided, or no answer ──────────────┘
 *
 * So one of both names takes pushes, and never both, whoever dies.
 */

export type UndecidedServices = OutcomeServices & {
  readonly view: SlotView
  readonly links: HostLinks
  /** Milliseconds for which the other host may show no sign of life. */
  readonly copyTimeout: number
  readonly runJob: RunJob
  readonly copies: Pick<Copies, 'confirm'>
  /** Keeps operators from a repository until it is disposed of. @throws {Refusal} `repository_busy` */
  readonly take: (repository: string, gitDir: string) => Disposable
  /**
   * Moves a repository that nobody can have changed to the trash of all hosts.
   *
   * @param isMeant asked when nobody else works on it
   * @param isPurged whether no trash is to keep it either
   */
  readonly withdraw: (
    repository: string,
    isMeant: (gitDir: string) => Promise<boolean>,
    tenure: Tenure,
    isPurged: boolean,
  ) => Promise<void>
  readonly log: Logger
}

const firstPauseMs = 100
const longestPauseMs = 10_000

export class UndecidedGifts implements AsyncDisposable {
  readonly #services: UndecidedServices
  readonly #looking = new Map<string, Promise<void>>()
  readonly #ending = new AbortController()

  constructor(services: UndecidedServices) {
    this.#services = services
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new Refusal('draining'))
    await Promise.all(this.#looking.values())
  }

  /** The old name is gone: from now on, the new one takes pushes. @throws {Refusal} */
  async open(repository: string, gift: string): Promise<void> {
    const { root, runJob, hold, take, copies, ending } = this.#services
    using tenure = hold(repository)
    const found = findRepository(root, repository)
    if (!found) return
    using _turn = take(repository, found.gitDir)
    if ((await readGivenMark(found.gitDir, runJob))?.gift !== gift) return
    await removeGivenMark(found.gitDir, runJob)
    await confirmCopies(copies, repository, tenure)
    await tenure.confirm(ending)
  }

  /**
   * It was not made as a whole, so the old one is there: it is removed for good. Where that cannot be done now, it is asked
   * about later. Never rejects.
   */
  async withdraw(repository: string, gift: string): Promise<void> {
    try {
      using tenure = this.#services.hold(repository)
      await this.#withdraw(repository, gift, tenure, true)
    } catch (err) {
      this.#services.log.warn({ err, repository }, 'what was not renamed to this name could not be removed yet')
      this.look(repository)
    }
  }

  async #withdraw(repository: string, gift: string, tenure: Tenure, isPurged: boolean): Promise<void> {
    const { withdraw, runJob, log } = this.#services
    await withdraw(repository, async (gitDir) => (await readGivenMark(gitDir, runJob))?.gift === gift, tenure, isPurged)
    const what = `${isPurged ? 'removed' : 'moved to the trash'} what was not renamed to this name`
    log.info({ repository, gift }, `${what}: all of it is under its old name`)
  }

  /** Looks until it is decided, or another host keeps the name. One that has no mark is none of those. */
  look(repository: string): void {
    if (this.#looking.has(repository) || this.#ending.signal.aborted) return
    const looking = this.#look(repository).finally(() => this.#looking.delete(repository))
    this.#looking.set(repository, looking)
  }

  async #look(repository: string): Promise<void> {
    const { log } = this.#services
    const { signal } = this.#ending
    let said = ''
    for (let ms = firstPauseMs; !signal.aborted; ms = Math.min(2 * ms, longestPauseMs)) {
      try {
        if (await this.#isDecided(repository)) return
      } catch (error) {
        if (signal.aborted || this.#isOthers(repository)) return
        const words = error instanceof Error ? error.message : String(error)
        if (words !== said)
          log.warn({ err: error, repository }, 'it is not known yet whether a repository has got this name')
        said = words
      }
      await pause(ms, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  /** Where this host keeps it, `misplaced` says no more than that one of both names may be handed over. */
  #isOthers(repository: string): boolean {
    const { view } = this.#services
    const primary = view.slot(slotOf(repository))?.primary
    return primary !== undefined && primary !== view.name
  }

  async #isDecided(repository: string): Promise<boolean> {
    const { root, runJob, hold, log } = this.#services
    using tenure = hold(repository)
    const found = findRepository(root, repository)
    const mark = found && (await readGivenMark(found.gitDir, runJob))
    if (!mark) return true
    const { gift, repository: from } = mark
    const outcome = await this.#ask(mark)
    if (outcome === 'undecided') return false
    // The trash keeps it for a day, since another host says so, by what it finds under the old name.
    if (outcome === 'stays') await this.#withdraw(repository, gift, tenure, false)
    else {
      await this.open(repository, gift)
      log.info({ repository, from, gift }, 'a renamed repository takes pushes: its old name is gone')
    }
    return true
  }

  /** @throws where the primary of the old name does not know, or does not answer */
  async #ask({ repository, gift, trash }: GivenMark): Promise<Outcome> {
    const { view, links, copyTimeout } = this.#services
    const asked = { repository, gift, trash }
    const primary = view.slot(slotOf(repository))?.primary
    if (primary === view.name) return await outcomeOf(this.#services, asked)
    const address = primary === undefined ? undefined : view.addressOf(primary)
    if (!address) throw new Error(`${primary ?? 'The host of the old name'} does not live.`)
    const telling = { path: outcomePath, told: asked, readAnswer: readOutcomeAnswer }
    const answer = await tellCopy(links, address, telling, copyTimeout, this.#ending.signal)
    if ('failed' in answer) throw new Error(`${primary} says: ${answer.failed}`)
    return answer.outcome
  }
}
