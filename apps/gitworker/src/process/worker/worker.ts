import { randomUUID } from 'node:crypto'
import type { Readable, Writable } from 'node:stream'
import { AwakeDeadline } from '@sluice/shared/machine/awake-deadline'
import type { GitCommand } from '../../git/command.ts'
import { startOf, ticksNow } from '../process-table.ts'
import type { RequestMark } from '../request-processes.ts'
import { WorkerLostError, WorkerStartError } from '../worker-handle.ts'
import type { WorkerHandle, WorkerState } from '../worker-handle.ts'
import type { FromWorker, GitReport, Graces, Leftover } from '../worker-message.ts'
import { WorkerEnding } from './worker-ending.ts'
import type { StartWorkerProcess, WorkerProcess } from './worker-process.ts'

/*
 * A worker in a process of its own, however that is started, and the one owner of that process. Each transition has one place:
 *
 *   starting ──ready──▶ idle ──serve──▶ serving ──exited──▶ draining ──process ended──▶ gone
 *      │                  │                │                   │                         ▲
 *      └──────────────────┴──────stop──────┴───▶ stopping ◀────┘ ──process ended─────────┘
 *
 *   ready, exited    #onMessage. serve and stop have methods of these names; #fail stops, too
 *   process ended    #onEnded, or #onNotStarted where there never was one
 *
 * The process exits only when nothing of its request is left. If it dies before, or is late, this side ends the rest.
 */

/** The supervisor gives a worker this long for its own teardown, beyond the graces, before it kills the group itself. */
const lateAfterMs = 2000
/** How often it is looked whether somebody has stopped (SIGSTOP) a worker that serves. Its git would end unnoticed. */
const wakeEveryMs = 2000

export class Worker implements WorkerHandle {
  readonly startedAt = performance.now()
  readonly #ready = Promise.withResolvers<void>()
  readonly #report = Promise.withResolvers<GitReport>()
  readonly #gone = Promise.withResolvers<void>()
  readonly ready = this.#ready.promise
  readonly report = this.#report.promise
  readonly gone = this.#gone.promise
  #state: WorkerState = 'starting'
  #mark: RequestMark | undefined
  #graces: Graces = { term: 0, kill: 0, drain: false }
  readonly #process: WorkerProcess
  readonly #ending = new WorkerEnding()
  readonly #startDeadline: AwakeDeadline
  #timer: NodeJS.Timeout | undefined

  /** @param startTimeout milliseconds. @throws {WorkerStartError} if not even its pipes can be made */
  constructor(start: StartWorkerProcess, startTimeout: number) {
    // Whoever needs one of the two awaits it; nobody has to await both.
    for (const promise of [this.ready, this.report]) promise.catch(() => {})
    this.#process = start({
      onMessage: (message) => this.#onMessage(message),
      onNotStarted: (error) => this.#onNotStarted(error),
      onEnded: () => void this.#onEnded(),
    })
    const fail = () => this.#fail(new WorkerStartError(`The worker was not ready after ${startTimeout} ms.`))
    this.#startDeadline = new AwakeDeadline(startTimeout, fail)
  }

  get state(): WorkerState {
    return this.#state
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  get stdin(): Writable {
    return this.#process.stdin
  }

  get stdout(): Readable {
    return this.#process.stdout
  }

  get mark(): RequestMark {
    const leader = this.pid!
    return (this.#mark ??= { leader, word: randomUUID(), since: startOf(leader) ?? ticksNow() })
  }

  get outputBytes(): number {
    return this.#process.outputBytes
  }

  lastWords(): Promise<string> {
    return this.#process.lastWords()
  }

  get leftovers(): readonly Leftover[] {
    return this.#ending.leftovers
  }
  get signalled(): 'SIGTERM' | 'SIGKILL' | undefined {
    return this.#ending.signalled
  }

  get signalledAfter(): number | undefined {
    return this.#ending.signalledAfter
  }

  serve(command: GitCommand, graces: Graces, onWords?: (chunk: Buffer) => void): void {
    if (this.#state !== 'idle') throw new WorkerStartError(`The worker is ${this.#state}.`)
    this.#state = 'serving'
    this.#graces = graces
    // Taken now: once a worker has died, the kernel no longer says when it started.
    this.#mark = this.mark
    if (onWords) this.#process.watchWords(onWords)
    this.#process.tell({ type: 'serve', command, graces })
    this.#timer = setInterval(() => this.#process.wakeIfStopped(), wakeEveryMs)
  }

  detach(onOutput: (chunk: Buffer) => void): void {
    this.stdin.destroy()
    this.stdout.removeAllListeners('data').on('data', onOutput).resume()
  }

  stop(term = this.#graces.term): void {
    if (this.#state === 'stopping' || this.#state === 'gone') return
    // A worker that has not started cannot listen, and has no processes of its own yet.
    if (this.#state === 'starting') this.#process.kill()
    this.#state = 'stopping'
    this.#ending.begin()
    this.#process.closePipes(this.#graces.drain)
    this.#process.tell({ type: 'stop', term })
    this.#expectGone(term + this.#graces.kill)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state !== 'draining') this.stop()
    await this.gone
  }

  #onMessage(message: FromWorker | undefined): void {
    switch (message?.type) {
      case 'ready':
        this.#startDeadline[Symbol.dispose]()
        if (this.#state === 'starting') this.#state = 'idle'
        this.#ready.resolve()
        break
      case 'exited': {
        const { type: _, ...report } = message
        if (this.#state === 'serving') {
          this.#state = 'draining'
          this.#expectGone(this.#graces.kill)
        }
        this.#report.resolve(report)
        break
      }
      case 'leftovers':
        this.#ending.foundLeftovers(message.processes)
        break
      case 'signalling':
        this.#ending.isSignalling(message.signal)
        break
      case 'not_started':
        this.#fail(new WorkerStartError(`git could not be started: ${message.error}.`))
        break
      case undefined:
        this.#fail(new WorkerLostError('The worker said something that is not in its protocol.'))
    }
  }

  #fail(error: Error): void {
    this.#ready.reject(error)
    this.#report.reject(error)
    this.stop()
  }

  #onNotStarted(error: WorkerStartError): void {
    this.#ready.reject(error)
    this.#report.reject(error)
    this.#becomeGone()
  }

  async #onEnded(): Promise<void> {
    if (this.#state === 'starting') {
      const words = (await this.lastWords()).trim()
      this.#ready.reject(new WorkerStartError(`The worker ended at its start: ${words || 'it said nothing'}`))
    }
    if (this.#state !== 'draining') this.#report.reject(new WorkerLostError('The worker ended before git did.'))
    if (this.#mark && !this.#process.hasEndedWell) {
      this.stdin.destroy()
      this.stdout.resume()
      await this.#ending.endOrphans(this.#mark, this.#graces)
    }
    await this.#process.release()
    this.#becomeGone()
  }

  #expectGone(withinMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#process.killGroup(), withinMs + lateAfterMs)
  }

  #becomeGone(): void {
    this.#startDeadline[Symbol.dispose]()
    clearTimeout(this.#timer)
    this.#state = 'gone'
    this.#gone.resolve()
  }
}
