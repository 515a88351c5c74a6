import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { setTimeout as pause } from 'node:timers/promises'
import { isLiveWorker } from './orphans.ts'
import { StderrTail } from '../worker/stderr-tail.ts'
import { WorkerStartError } from '../worker-handle.ts'
import { FrameReader } from './frames.ts'
import { forkOrder, parseFromLauncher, reapOrder } from './launcher-message.ts'
import type { FromLauncher } from './launcher-message.ts'
import { socketName } from './worker-socket.ts'

/*
 * One launcher, from its start to its end:
 *
 *   compiling ──launching──▶ forking ──dispose, retire, or its death──▶ ended
 *        └── its death, or too late ──▶ ended
 *
 * Its zombies are its own until it is told to reap them; so as long as it lives, the pid of a worker that it has forked is
 * that worker's until `reap` has resolved.
 */

const main = fileURLToPath(new URL('../../worker/launcher/main.ts', import.meta.url))

/** How often a process is asked after that has not ended yet. */
const lookEveryMs = 20

/** A launcher that is told to end, and is later than that, is killed. */
const lateAfterMs = 2000

export type LauncherOptions = {
  /** The path of Bun. */
  readonly program: string
  /** The folder of the workers' socket, which is the working folder, too. */
  readonly folder: string
  /** How long workers may take to end what they run, when the supervisor is gone. Milliseconds. */
  readonly lastGrace: number
  /** How long the launcher may take for its start. Milliseconds. */
  readonly startTimeout: number
}

type Answer<T> = { resolve(value: T): void; reject(reason: unknown): void }

export class LauncherProcess implements AsyncDisposable {
  /** The pids of its workers that have not been reaped. */
  readonly workers = new Set<number>()
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>
  readonly #process: ChildProcess
  readonly #control: Socket
  readonly #stderr: StderrTail
  readonly #forks = new Map<number, Answer<number>>()
  readonly #reaps = new Map<number, Answer<number>[]>()
  readonly #launching = Promise.withResolvers<void>()
  #nextId = 0
  #orders: Buffer[] = []
  #hasStarted = false
  #hasEnded = false
  #isRetired = false
  readonly #lastGrace: number

  private constructor({ program, folder, lastGrace }: LauncherOptions, onEnded: () => void) {
    this.#lastGrace = lastGrace
    this.#process = spawn(program, ['--no-install', '--no-env-file', '--smol', main, socketName, String(lastGrace)], {
      detached: true,
      cwd: folder,
      env: fewThreads,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    })
    const ended = Promise.withResolvers<void>()
    this.ended = ended.promise
    const onEnd = (cause?: unknown) => {
      this.#hasEnded = true
      this.#control?.destroy()
      if (this.#hasStarted) onEnded()
      this.#abandon(cause)
      ended.resolve()
    }
    this.#process.on('exit', () => onEnd())
    this.#process.on('error', (error) => this.#process.pid === undefined && onEnd(error))
    if (!this.#process.stderr) throw new WorkerStartError('The launcher could not be started: no descriptors are left.')
    this.#stderr = new StderrTail(this.#process.stderr)
    this.#control = this.#process.stdio[3] as Socket
    const reader = new FrameReader()
    this.#control.on('error', () => {})
    this.#control.on('data', (chunk: Buffer) => {
      try {
        for (const message of reader.read(chunk)) this.#hear(parseFromLauncher(message))
      } catch {
        this.kill()
      }
    })
    this.#launching.promise.catch(() => {})
  }

  /**
   * @param onEnded is called once, if it has started
   * @throws {WorkerStartError} where it cannot be started, with the reason
   */
  static async start(options: LauncherOptions, onEnded: () => void): Promise<LauncherProcess> {
    const launcher = new LauncherProcess(options, onEnded)
    const timer = setTimeout(() => launcher.kill(), options.startTimeout)
    try {
      await launcher.#launching.promise
      return launcher
    } catch (cause) {
      launcher.kill()
      const words = (await launcher.#stderr.text()).trim()
      const why = words || (cause instanceof Error ? cause.message : 'it ended, or took too long')
      throw new WorkerStartError(`The launcher could not be started: ${why}`, { cause })
    } finally {
      clearTimeout(timer)
    }
  }

  get pid(): number {
    return this.#process.pid!
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /**
   * Forks a worker.
   *
   * @returns its pid, or errno below zero
   * @throws {WorkerStartError} where the launcher ends before it answers
   */
  async fork(word: Buffer): Promise<number> {
    if (this.#hasEnded) throw new WorkerStartError('The launcher has ended.')
    const id = (this.#nextId = (this.#nextId + 1) % 2 ** 32)
    const { promise, ...answer } = Promise.withResolvers<number>()
    this.#forks.set(id, answer)
    this.#order(forkOrder(id, word))
    return await promise
  }

  /** Resolves when the worker has ended and its pid may be another process's. */
  async reap(pid: number): Promise<void> {
    while (!this.#hasEnded && (await this.tryToReap(pid)) === 0) await pause(lookEveryMs)
    // PID 1 reaps the children of a launcher that has ended.
    while (this.#hasEnded && isLiveWorker(pid)) await pause(lookEveryMs)
    this.workers.delete(pid)
    if (this.#isRetired && this.workers.size === 0) this.#control.end()
  }

  /** For a worker that nobody has heard of. */
  async killAndReap(pid: number): Promise<void> {
    if (!this.#hasEnded) process.kill(pid, 'SIGKILL')
    await this.reap(pid)
  }

  /** Reaps a child, if it has ended. @returns 1, 0 where it has not ended, or errno below zero where it is no child */
  async tryToReap(pid: number): Promise<number> {
    if (this.#hasEnded) return notThere
    const { promise, ...answer } = Promise.withResolvers<number>()
    const others = this.#reaps.get(pid)
    if (others) others.push(answer)
    else this.#reaps.set(pid, [answer])
    this.#order(reapOrder(pid))
    return await promise
  }

  /** Forks no more, and ends when its workers have ended. */
  retire(): void {
    this.#isRetired = true
    if (this.workers.size === 0) this.#control.end()
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }

  /** Ends it; workers that still run see to what they run by themselves. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#control.destroy()
    const patience = this.workers.size === 0 ? 0 : this.#lastGrace
    const timer = setTimeout(() => this.kill(), patience + lateAfterMs)
    await this.ended
    clearTimeout(timer)
  }

  /** Orders of one turn of the event loop are one write, and one wake-up of the launcher. */
  #order(order: Buffer): void {
    this.#orders.push(order)
    if (this.#orders.length > 1) return
    setImmediate(() => {
      const orders = this.#orders
      this.#orders = []
      this.#control.write(orders.length === 1 ? orders[0]! : Buffer.concat(orders))
    })
  }

  #hear(message: FromLauncher): void {
    switch (message.type) {
      case 'launching':
        this.#hasStarted = true
        return this.#launching.resolve()
      case 'forked': {
        if (message.pid > 0) this.workers.add(message.pid)
        this.#forks.get(message.id)?.resolve(message.pid)
        this.#forks.delete(message.id)
        return
      }
      case 'reaped': {
        const answers = this.#reaps.get(message.pid)
        answers?.shift()?.resolve(message.result)
        if (answers?.length === 0) this.#reaps.delete(message.pid)
        return
      }
    }
  }

  #abandon(cause: unknown): void {
    const error = new WorkerStartError('The launcher has ended.', { cause })
    this.#launching.reject(error)
    for (const answer of this.#forks.values()) answer.reject(error)
    for (const answers of this.#reaps.values()) for (const answer of answers) answer.resolve(notThere)
    this.#forks.clear()
    this.#reaps.clear()
  }
}

/** As errno's ECHILD. */
const notThere = -10

/** Threads count against pids.max, and each costs a fork something. */
const fewThreads = {
  BUN_JSC_useConcurrentGC: '0',
  BUN_JSC_useConcurrentJIT: '0',
  BUN_JSC_useDFGJIT: '0',
  BUN_JSC_numberOfGCMarkers: '1',
}
