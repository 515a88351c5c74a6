import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { AwakeDeadline } from '@sluice/shared/machine/awake-deadline'
import type { RequestGroups } from '../control-group/request-groups.ts'
import { WorkerStartError } from '../worker-handle.ts'
import { sendSignal } from '../session.ts'
import { StderrTail } from '../worker/stderr-tail.ts'
import { LauncherChannel } from './launcher-channel.ts'
import { isLiveWorker } from './orphans.ts'
import { socketName } from './worker-socket.ts'

/*
 * One launcher, from its start to its end:
 *
 *   compiling ──launching──▶ forking ──dispose, retire, or its death──▶ ended
 *        └── its death, or too late ──▶ ended
 *
 * Its zombies are its own until it is told to reap them. So as long as it lives, the pid of a worker that it has forked is
 * that worker's until `reap` has resolved.
 */

const main = fileURLToPath(new URL('../../worker/launcher/main.ts', import.meta.url))

/** Threads count against pids.max, and each costs a fork something. */
const fewThreads = {
  BUN_JSC_useConcurrentGC: '0',
  BUN_JSC_useConcurrentJIT: '0',
  BUN_JSC_useDFGJIT: '0',
  BUN_JSC_numberOfGCMarkers: '1',
}

/** Bun writes headers for C there, which nothing includes: into a folder that all processes share. Here it cannot. */
const noHeaders = { BUN_TMPDIR: '/dev/null' }

/** What part of the time in which a worker must be ready a launcher may take to answer. */
export const answerShare = 1 / 4

/** How often a process that has not ended yet is asked after. */
const lookEveryMs = 20

/** A launcher that is told to end, and is later than that, is killed. */
const lateAfterMs = 2000

export type LauncherOptions = {
  /** The path of Bun. */
  readonly program: string
  /** The folder of the workers' socket, which is the launcher's working folder. */
  readonly folder: string
  /** How long workers may take to end what they run once the supervisor is gone. Milliseconds. */
  readonly lastGrace: number
  /** How long a launcher may take for its start. Milliseconds. */
  readonly startTimeout: number
  /** Where each worker gets a control group. */
  readonly groups?: RequestGroups | undefined
}

export class LauncherProcess implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #channel: LauncherChannel
  readonly #stderr: StderrTail
  readonly #lastGrace: number
  readonly #ended = Promise.withResolvers<void>()
  #hasEnded = false
  #isRetired = false

  private constructor({ program, folder, lastGrace, startTimeout, groups }: LauncherOptions) {
    this.#lastGrace = lastGrace
    const words = [socketName, String(lastGrace), groups?.folder ?? '']
    this.#process = spawn(program, ['--no-install', '--no-env-file', '--smol', main, ...words], {
      detached: true,
      cwd: folder,
      env: { ...fewThreads, ...noHeaders },
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    })
    this.#process.on('exit', () => this.#end())
    this.#process.on('error', (error) => this.#process.pid === undefined && this.#end(error))
    if (!this.#process.stderr) throw new WorkerStartError('The launcher could not be started: no descriptors are left.')
    this.#stderr = new StderrTail(this.#process.stderr)
    const answerTimeout = startTimeout * answerShare
    this.#channel = new LauncherChannel(this.#process.stdio[3] as Socket, answerTimeout, () => this.kill())
  }

  /**
   * @param onEnded is called once, if it has started
   * @throws {WorkerStartError} if it cannot be started, with the reason
   */
  static async start(options: LauncherOptions, onEnded: () => void): Promise<LauncherProcess> {
    const launcher = new LauncherProcess(options)
    using _deadline = new AwakeDeadline(options.startTimeout, () => launcher.kill())
    try {
      await launcher.#channel.launching
      void launcher.#ended.promise.then(onEnded)
      return launcher
    } catch (cause) {
      launcher.kill()
      const words = (await launcher.#stderr.text()).trim()
      const why = words || (cause instanceof Error ? cause.message : 'it ended, or took too long')
      throw new WorkerStartError(`The launcher could not be started: ${why}`, { cause })
    }
  }

  get pid(): number {
    return this.#process.pid!
  }

  /** The pids of its workers that have not been reaped. */
  get workers(): ReadonlySet<number> {
    return this.#channel.workers
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Forks a worker: see LauncherChannel. */
  fork(word: Buffer, group: number): Promise<number> {
    return this.#channel.fork(word, group)
  }

  /** Reaps a child, if it has ended: see LauncherChannel. */
  tryToReap(pid: number): Promise<number> {
    return this.#channel.reap(pid)
  }

  /** Resolves when the worker has ended and its pid may be another process's. */
  async reap(pid: number): Promise<void> {
    while (!this.#hasEnded && (await this.tryToReap(pid)) === 0) await pause(lookEveryMs)
    // PID 1 reaps the children of a launcher that has ended.
    while (this.#hasEnded && isLiveWorker(pid)) await pause(lookEveryMs)
    this.#channel.workers.delete(pid)
    this.#closeIfUnused()
  }

  /** Signals a worker that has not been reaped here. */
  signalWorker(pid: number, signal: 'SIGCONT' | 'SIGKILL'): void {
    // PID 1 reaps the children of a launcher that has ended, and the pid may be another process's by now.
    if (!this.#hasEnded || isLiveWorker(pid)) sendSignal(pid, signal)
  }

  /** It is asked to fork no more, and ends when its workers have. */
  retire(): void {
    this.#isRetired = true
    this.#closeIfUnused()
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }

  /** Ends it. Workers that still run see to what they run by themselves. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#channel.close()
    const patience = this.workers.size === 0 ? 0 : this.#lastGrace
    const timer = setTimeout(() => this.kill(), patience + lateAfterMs)
    await this.#ended.promise
    clearTimeout(timer)
  }

  #closeIfUnused(): void {
    if (this.#isRetired && this.workers.size === 0) this.#channel.close()
  }

  #end(cause?: unknown): void {
    this.#hasEnded = true
    // Where there was no process, there may be no channel either.
    this.#channel?.abandon(cause)
    this.#ended.resolve()
  }
}
