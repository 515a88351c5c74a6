import { randomBytes } from 'node:crypto'
import { constants } from 'node:os'
import { AwakeDeadline } from '@sluice/shared/machine/awake-deadline'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { RequestGroup } from '../control-group/request-group.ts'
import { WorkerStartError } from '../worker-handle.ts'
import { answerShare, LauncherProcess } from './launcher-process.ts'
import type { LauncherOptions } from './launcher-process.ts'
import { wordSize } from './launcher-message.ts'
import { endOrphans } from './orphans.ts'
import { errnoName } from './worker-frames.ts'
import { WorkerSocket } from './worker-socket.ts'
import type { WorkerStreams } from './worker-socket.ts'

/*
 * Keeps a launcher running, and the socket where its workers connect:
 *
 *   running ──it ends, or does not answer in time──▶ none ──the next start of a worker──▶ running
 *      └── its socket is gone ──▶ retired: it ends when its workers have ended; another takes over
 *
 * Workers have connections of their own. A launcher that dies hurts none of them.
 */

export type LauncherSettings = LauncherOptions & {
  /** Milliseconds from SIGTERM to SIGKILL, for what a killed worker has left. */
  readonly killGrace: number
}

/** A worker that has been forked and is connected. */
export type Launched = {
  readonly pid: number
  readonly launcher: LauncherProcess
  readonly streams: WorkerStreams
  /** Its control group, where it has one. To be given back when the worker has been reaped. */
  readonly group: RequestGroup | undefined
}

const lookForOrphansEveryMs = 60_000

/** So many orphans are named in the log. */
const maxNamed = 20

export class Launcher implements AsyncDisposable {
  readonly #settings: LauncherSettings
  readonly #log: Logger
  #socket: WorkerSocket | undefined
  #current: LauncherProcess | undefined
  #starting: Promise<LauncherProcess> | undefined
  readonly #all = new Set<LauncherProcess>()
  readonly #lookingForOrphans: NodeJS.Timeout
  /** Resolves when the looks for orphans so far are over: there is one at a time. */
  #lastLook: Promise<void> = Promise.resolve()
  #orphansEnded = 0
  #isClosed = false

  private constructor(settings: LauncherSettings, log: Logger) {
    this.#settings = settings
    this.#log = log
    this.#lookingForOrphans = setInterval(() => void this.endOrphans(), lookForOrphansEveryMs).unref()
  }

  /** How many processes that killed workers had left have been ended. */
  get orphansEnded(): number {
    return this.#orphansEnded
  }

  /** @throws {WorkerStartError} where there can be none, with the reason */
  static async open(settings: LauncherSettings, log: Logger): Promise<Launcher> {
    await using opened = new AsyncDisposableStack()
    const launcher = opened.use(new Launcher(settings, log))
    await launcher.#running()
    opened.move()
    return launcher
  }

  /** Starts a worker. @throws {WorkerStartError} */
  async launch(): Promise<Launched> {
    for (let attempt = 1; ; attempt++) {
      const launcher = await this.#running()
      try {
        return await this.#launchBy(launcher)
      } catch (error) {
        // It has ended, has been killed, or has been retired: another one may do better.
        if (launcher === this.#current || attempt === 2) throw error
      }
    }
  }

  /** Resolves when nothing lives in a control group that a worker had. */
  async giveBack(group: RequestGroup | undefined, isEmpty = false): Promise<void> {
    if (group) await this.#settings.groups?.giveBack(group, isEmpty)
  }

  /** Ends and reaps what killed workers have left. Happens once a minute, too. */
  async endOrphans(): Promise<void> {
    // A look that fails does not keep the next one from being made.
    this.#lastLook = this.#lastLook.catch(() => {}).then(() => this.#endOrphansNow())
    await this.#lastLook
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#lookingForOrphans)
    await this.#starting?.catch(() => {})
    this.#socket?.[Symbol.dispose]()
    await Promise.all([...this.#all].map((launcher) => launcher[Symbol.asyncDispose]()))
  }

  async #endOrphansNow(): Promise<void> {
    const graces = { term: 0, kill: this.#settings.killGrace, drain: false }
    for (const launcher of this.#all) {
      const ended = await endOrphans(launcher, graces)
      this.#orphansEnded += ended.length
      const processes = ended.slice(0, maxNamed).map(({ pid, name }) => ({ pid, name }))
      if (ended.length > 0) this.#log.warn({ count: ended.length, processes }, 'ended what killed workers had left')
    }
  }

  async #launchBy(launcher: LauncherProcess): Promise<Launched> {
    const word = randomBytes(wordSize)
    const streams = Promise.withResolvers<WorkerStreams>()
    const socket = this.#socket!
    const group = this.#settings.groups?.take()
    socket.expect(word, streams.resolve)
    let pid: number | undefined
    let deadline: AwakeDeadline | undefined
    try {
      pid = await launcher.fork(word, group?.number ?? 0)
      if (pid < 0) throw this.#failure(launcher, -pid)
      deadline = new AwakeDeadline(this.#settings.startTimeout * answerShare, () =>
        streams.reject(new WorkerStartError('The worker did not connect in time.')),
      )
      return { pid, launcher, streams: await streams.promise, group }
    } catch (error) {
      socket.forget(word)
      // All four may have come before the answer, or in its place.
      void streams.promise.then(destroyAll, () => {})
      void this.#endWorker(launcher, pid, group)
      throw error
    } finally {
      deadline?.[Symbol.dispose]()
    }
  }

  /** @param pid undefined where the launcher has not answered, or errno below zero */
  async #endWorker(launcher: LauncherProcess, pid: number | undefined, group: RequestGroup | undefined): Promise<void> {
    if (pid !== undefined && pid > 0) {
      launcher.signalWorker(pid, 'SIGKILL')
      await launcher.reap(pid)
    }
    await this.giveBack(group)
  }

  #failure(launcher: LauncherProcess, errno: number): WorkerStartError {
    if (errno === constants.errno.ENOENT || errno === constants.errno.ECONNREFUSED) this.#retire(launcher)
    return new WorkerStartError(`The worker could not be started: ${errnoName(errno)}.`)
  }

  /** The socket's folder is gone, and so is the launcher's working folder. */
  #retire(launcher: LauncherProcess): void {
    if (launcher !== this.#current) return
    this.#log.warn('the socket where workers connect is gone, and is made anew')
    this.#current = undefined
    launcher.retire()
    this.#socket?.[Symbol.dispose]()
    this.#socket = undefined
  }

  async #running(): Promise<LauncherProcess> {
    if (this.#isClosed) throw new WorkerStartError('No workers are started any more.')
    this.#starting ??= this.#current ? undefined : this.#start()
    return this.#current ?? (await this.#starting!)
  }

  async #start(): Promise<LauncherProcess> {
    try {
      this.#socket ??= await WorkerSocket.open(this.#settings.folder)
      const launcher = await LauncherProcess.start(this.#settings, () => this.#hasEnded(launcher))
      if (launcher.hasEnded) throw new WorkerStartError('The launcher has ended at once.')
      this.#all.add(launcher)
      this.#current = launcher
      return launcher
    } finally {
      this.#starting = undefined
    }
  }

  #hasEnded(launcher: LauncherProcess): void {
    this.#all.delete(launcher)
    if (this.#isClosed || launcher !== this.#current) return
    this.#current = undefined
    this.#log.warn({ pid: launcher.pid }, 'the launcher of workers has ended: another one takes over')
  }
}

function destroyAll(streams: WorkerStreams): void {
  for (const stream of Object.values(streams)) stream.destroy()
}
