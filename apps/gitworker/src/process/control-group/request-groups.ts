import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { readText } from '@sluice/shared/machine/control-group'
import { errnoOf } from '@sluice/shared/machine/errno'
import type { Logger } from '@sluice/shared/telemetry/log'
import { RequestGroup } from './request-group.ts'
import type { GroupLimits } from './request-group.ts'

/*
 * The control groups of a supervisor, below the one that it was started in:
 *
 *   <delegated>/sluice-<run>/supervisor    the supervisor and the launcher: a group that gives controllers to those below
 *                                          it may have no processes of its own
 *   <delegated>/sluice-<run>/<number>      a worker, and all that its git starts
 *
 *   free ──take──▶ a worker's ──give back──▶ free
 *                      └── something is left, and is killed ──populated 0──▶ removed
 *
 * Groups are used again: the kernel would keep a removed one for as long as the page cache of what its git has read. One in
 * which something was killed is not: up to Linux 6.18 at least, clone3(2) kills whoever is to be born in it.
 */

const lookEveryMs = 20

/** At most so many processes are named in the log. */
const maxNamed = 20

/** The supervisor's own group: packages/shared/src/machine/control-group.ts knows it, too. */
const leaf = 'supervisor'

/** Which controller keeps which limit. */
const controllers = { memory: 'memory', processes: 'pids' } as const

export class RequestGroups implements Disposable {
  /** Has the group of each worker, by its number. */
  readonly folder: string
  readonly #delegated: string
  readonly #note: string
  readonly #log: Logger
  readonly #enabled: { readonly folder: string; readonly controller: string }[] = []
  readonly #all = new Set<RequestGroup>()
  readonly #free: RequestGroup[] = []
  #lastNumber = 0
  #limits: GroupLimits = { memory: undefined, processes: undefined }

  /**
   * Moves this process into a group of its own.
   *
   * @param delegated the group that it is in, alone
   * @param note where it is written down which groups are ours, for the next supervisor: see left-groups.ts
   * @throws the system's error
   */
  constructor(delegated: string, note: string, log: Logger) {
    this.#delegated = delegated
    this.#note = note
    this.#log = log
    this.folder = join(delegated, `sluice-${randomBytes(8).toString('hex')}`)
    appendFileSync(note, `${this.folder}\n`)
    try {
      mkdirSync(this.folder)
      mkdirSync(join(this.folder, leaf))
      writeFileSync(join(this.folder, leaf, 'cgroup.procs'), String(process.pid))
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  /** To be called before a group is taken. @returns which limits cannot be kept here, with the reasons */
  limit(wanted: GroupLimits): { key: keyof GroupLimits; why: string }[] {
    const failed: { key: keyof GroupLimits; why: string }[] = []
    for (const key of ['memory', 'processes'] as const) {
      if (wanted[key] === undefined) continue
      try {
        for (const folder of [this.#delegated, this.folder]) this.#enable(folder, controllers[key])
        this.#limits = { ...this.#limits, [key]: wanted[key] }
      } catch (error) {
        failed.push({ key, why: errnoOf(error) || String(error) })
      }
    }
    return failed
  }

  /** An empty group, for one worker. @throws the system's error */
  take(): RequestGroup {
    for (let free = this.#free.pop(); free; free = this.#free.pop()) {
      if (free.state === 'empty') return begun(free)
      if (free.remove()) this.#all.delete(free)
    }
    const group = new RequestGroup(this.folder, ++this.#lastNumber, this.#limits)
    this.#all.add(group)
    return begun(group)
  }

  /**
   * Resolves when nothing in it lives. What does is killed, since its worker is gone.
   *
   * @param isEmpty whether the kernel has said so to the worker. It is looked at again before the group is used
   */
  async giveBack(group: RequestGroup, isEmpty: boolean): Promise<void> {
    if (!isEmpty && group.state === 'populated') await this.#empty(group)
    if (!group.wasKilled) this.#free.push(group)
    else if (group.remove()) this.#all.delete(group)
  }

  /** Removes all of them, as far as nothing lives in them. */
  [Symbol.dispose](): void {
    for (const group of this.#all) group.remove()
    for (const { folder, controller } of this.#enabled.toReversed()) {
      attempt(() => writeFileSync(join(folder, 'cgroup.subtree_control'), `-${controller}`))
    }
    attempt(() => writeFileSync(join(this.#delegated, 'cgroup.procs'), String(process.pid)))
    attempt(() => rmdirSync(join(this.folder, leaf)))
    attempt(() => {
      rmdirSync(this.folder)
      rmSync(this.#note, { force: true })
    })
  }

  #enable(folder: string, controller: string): void {
    const has = (file: string) => (readText(join(folder, file)) ?? '').split(/\s+/).includes(controller)
    if (has('cgroup.subtree_control')) return
    if (!has('cgroup.controllers')) throw new Error(`the controller ${controller} is not delegated`)
    writeFileSync(join(folder, 'cgroup.subtree_control'), `+${controller}`)
    this.#enabled.push({ folder, controller })
  }

  async #empty(group: RequestGroup): Promise<void> {
    this.#log.warn(
      { processes: group.members.slice(0, maxNamed) },
      'ended what was left in the control group of a request',
    )
    do {
      group.kill()
      await pause(lookEveryMs)
    } while (group.state === 'populated')
  }
}

function begun(group: RequestGroup): RequestGroup {
  group.begin()
  return group
}

/** What does not succeed is left to the next supervisor. */
function attempt(step: () => void): void {
  try {
    step()
  } catch {}
}
