import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { within } from '@sluice/shared/machine/race'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { parseFromWorker } from './worker-message.ts'
import type { GitCommand } from '../git/command.ts'
import type { FromWorker, GitReport, Graces, Leftover, ToWorker } from './worker-message.ts'
import { startOf, ticksNow } from './process-table.ts'
import type { RequestMark } from './request-processes.ts'
import { endSession, killGroup } from './session.ts'
import { StderrTail } from './spawn/stderr-tail.ts'
import type { WorkerRuntime } from './spawn/worker-runtime.ts'

/*
 * A worker, seen from the supervisor, and the owner of its process.
 *
 *   starting ──ready──▶ idle ──serve──▶ serving ──git exited──▶ draining ──process gone──▶ gone
 *      │                  │                │ stop                   │ stop                  ▲
 *      └──── stop ────────┴────────────────┴───────▶ stopping ◀─────┘ ──process gone────────┘
 *
 * `serve` may be called once, in idle. The worker process exits only when nothing of its request is left; if it dies
 * before that, or is late, this side ends its group. `gone` is the only state in which nothing of it runs any more.
 */

type State = 'starting' | 'idle' | 'serving' | 'draining' | 'stopping' | 'gone'

export type WorkerOptions = {
  readonly runtime: WorkerRuntime
  /** The worker's working folder: one where neither Bun nor git finds anything to read. */
  readonly cwd: string
  readonly startTimeout: number
}

/** The worker could not be started, or could not start git. The cause has errno's name where there is one. */
export class WorkerStartError extends Error {
  override readonly name = 'WorkerStartError'
}

/** The worker died before it could say how git ended. */
export class WorkerLostError extends Error {
  override readonly name = 'WorkerLostError'
}

/** What a client is told about an error of a worker; undefined for any other error. */
export function workerRefusal(error: unknown): Refusal | undefined {
  if (error instanceof WorkerStartError) return new Refusal('no_worker', { cause: error })
  if (error instanceof WorkerLostError) return new Refusal('worker_lost', { cause: error })
  return undefined
}

/** What the supervisor allows a worker for its own teardown, beyond the graces, before it ends the group itself. */
const lateAfterMs = 2000

/** So many of the processes that outlived a worker are named. */
const maxLeftovers = 10

/** How long the channel of a worker that has ended may stay open, in case something else holds its other end. */
const lastMessageMs = 1000

export class WorkerHandle implements AsyncDisposable {
  readonly startedAt = performance.now()
  /** Resolves when the worker may be leased. Rejects with WorkerStartError. */
  readonly ready: Promise<void>
  /** How git ended. Rejects with WorkerStartError or WorkerLostError. */
  readonly report: Promise<GitReport>
  /** Resolves when no process of this worker's request lives. Never rejects. */
  readonly gone: Promise<void>
  /** What outlived git, or escaped from a worker that was killed, and had to be ended: some of it. */
  readonly leftovers: Leftover[] = []
  /** The strongest signal that it took to end what ran. */
  signalled: 'SIGTERM' | 'SIGKILL' | undefined
  /** Milliseconds from `stop` to the first signal. */
  signalledAfter: number | undefined
  #stoppedAt: number | undefined

  #state: State = 'starting'
  #mark: RequestMark | undefined
  readonly #process: ChildProcess
  readonly #stderr: StderrTail
  readonly #ready = Promise.withResolvers<void>()
  readonly #report = Promise.withResolvers<GitReport>()
  readonly #gone = Promise.withResolvers<void>()
  #graces: Graces = { term: 0, kill: 0, drain: false }
  readonly #startTimer: NodeJS.Timeout
  #lateTimer: NodeJS.Timeout | undefined

  constructor(options: WorkerOptions) {
    this.ready = this.#ready.promise
    this.report = this.#report.promise
    this.gone = this.#gone.promise
    // Whoever needs one of the two looks at it; nobody has to look at both.
    this.ready.catch(() => {})
    this.report.catch(() => {})

    const { program, args, env } = options.runtime
    this.#process = spawn(program, args, {
      detached: true,
      cwd: options.cwd,
      env,
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
    })
    this.#process.on('error', (error) => this.#onError(error))
    // Out of descriptors, Node does not even make the pipes.
    if (!this.#process.stdout) throw new WorkerStartError('The worker could not be started: no descriptors are left.')
    this.#stderr = new StderrTail(this.#process.stderr!)
    this.#process.on('message', (message) => this.#onMessage(parseFromWorker(message)))
    this.#process.on('exit', () => void this.#onExit())
    // A pipe that breaks because git stopped reading is told by git's exit, not here.
    this.stdin.on('error', () => {})
    this.stdout.on('error', () => {})
    this.#startTimer = setTimeout(() => {
      this.#fail(new WorkerStartError(`The worker was not ready after ${options.startTimeout} ms.`))
    }, options.startTimeout)
  }

  /** What the processes of its request are told by. To be asked for once it is ready. */
  get mark(): RequestMark {
    const leader = this.pid!
    return (this.#mark ??= { leader, word: randomUUID(), since: startOf(leader) ?? ticksNow() })
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  get state(): State {
    return this.#state
  }

  /** git's standard input. */
  get stdin(): Writable {
    return this.#process.stdin!
  }

  /** git's standard output. */
  get stdout(): Readable {
    return this.#process.stdout!
  }

  /** How many bytes have been read of git's standard output. */
  get outputBytes(): number {
    return (this.#process.stdout as Socket).bytesRead
  }

  /** The last 64 KiB of git's standard error, and of the worker's own; to be asked for when git has exited. */
  lastWords(): Promise<string> {
    return this.#stderr.text()
  }

  /** Runs git in this worker: once, when it is idle. */
  serve(command: GitCommand, graces: Graces): void {
    if (this.#state !== 'idle') throw new WorkerStartError(`The worker is ${this.#state}.`)
    this.#state = 'serving'
    this.#graces = graces
    // Taken now: a worker that has died cannot be asked any more when it started.
    this.#mark = this.mark
    this.#say({ type: 'serve', command, graces })
  }

  /** Ends git's input, and from now on reads its output for `onOutput` alone. */
  detach(onOutput: (chunk: Buffer) => void): void {
    this.stdin.destroy()
    this.stdout.removeAllListeners('data').on('data', onOutput).resume()
  }

  /**
   * Ends whatever runs: closes the pipes, then SIGTERM and SIGKILL after their graces. Calling it again does nothing.
   *
   * @param term milliseconds until SIGTERM, where it is not to be the command's own grace
   */
  stop(term = this.#graces.term): void {
    if (this.#state === 'stopping' || this.#state === 'gone') return
    const hasStarted = this.#state !== 'starting'
    this.#state = 'stopping'
    this.#stoppedAt = performance.now()
    // What has not started cannot listen, and has nothing to take with it.
    if (!hasStarted) this.#process.kill('SIGKILL')
    this.stdin.destroy()
    if (this.#graces.drain) this.stdout.removeAllListeners('data').resume()
    else this.stdout.destroy()
    this.#say({ type: 'stop', term })
    this.#expectGone(term + this.#graces.kill)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state !== 'draining') this.stop()
    await this.gone
  }

  #onMessage(message: FromWorker | undefined): void {
    switch (message?.type) {
      case 'ready':
        clearTimeout(this.#startTimer)
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
        this.leftovers.push(...message.processes)
        break
      case 'signalling':
        this.signalled = message.signal
        if (this.#stoppedAt !== undefined) this.signalledAfter ??= performance.now() - this.#stoppedAt
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

  /** 'error' means that there is no process (EAGAIN, ENOENT …), or that a message could not be sent to one that is ending. */
  #onError(cause: Error): void {
    if (this.pid !== undefined) return
    const error = new WorkerStartError(`The worker could not be started: ${cause.message}.`, { cause })
    this.#ready.reject(error)
    this.#report.reject(error)
    this.#becomeGone()
  }

  async #onExit(): Promise<void> {
    // What it said last may still be on its way.
    if (this.#process.connected) await this.#channelClosed()
    if (this.#state === 'starting') {
      const words = (await this.lastWords()).trim()
      this.#ready.reject(new WorkerStartError(`The worker ended at its start: ${words || 'it said nothing'}`))
    }
    this.#report.reject(new WorkerLostError('The worker ended before git did.'))
    await this.#endOrphans()
    this.#becomeGone()
  }

  async #channelClosed(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#process.once('disconnect', resolve))
    await within(lastMessageMs, closed, undefined)
  }

  /**
   * What a worker that was killed may have left, in its session or out of it: without the worker, orphans are given to
   * PID 1. One that ended by itself has seen to it that there is nothing.
   */
  async #endOrphans(): Promise<void> {
    const mark = this.#mark
    if (!mark || this.#process.exitCode === 0) return
    this.stdin.destroy()
    this.stdout.resume()
    await endSession(mark, this.#graces, (signal, to) => {
      this.signalled = signal
      const known = new Set(this.leftovers.map(({ pid }) => pid))
      const escaped = to.filter(({ pid, session }) => session !== mark.leader && !known.has(pid))
      this.leftovers.push(...escaped.slice(0, maxLeftovers).map(({ pid, name }) => ({ pid, name })))
    })
  }

  /** A worker that is late with its own teardown loses its group, and itself with it: its pid is still its own then. */
  #expectGone(withinMs: number): void {
    clearTimeout(this.#lateTimer)
    this.#lateTimer = setTimeout(() => {
      const isAlive = this.#process.exitCode === null && this.#process.signalCode === null
      if (this.pid !== undefined && isAlive) killGroup(this.pid)
    }, withinMs + lateAfterMs)
  }

  #becomeGone(): void {
    clearTimeout(this.#startTimer)
    clearTimeout(this.#lateTimer)
    this.#state = 'gone'
    this.#gone.resolve()
  }

  #say(message: ToWorker): void {
    // A worker that has just ended cannot be told anything; its exit is on the way.
    if (this.#process.connected) this.#process.send(message, () => {})
  }
}
