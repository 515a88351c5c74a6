import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { within } from '@sluice/shared/machine/race'
import { isStopped } from '../process-table.ts'
import { killGroup } from '../session.ts'
import { WorkerStartError } from '../worker-handle.ts'
import { parseFromWorker } from '../worker-message.ts'
import type { ToWorker } from '../worker-message.ts'
import { StderrTail } from '../worker/stderr-tail.ts'
import type { WorkerEvents, WorkerProcess } from '../worker/worker-process.ts'

/** After a worker has ended, its channel may stay open for so long, in case something else holds the other end. */
const lastMessageMs = 1000

export type SpawnOptions = {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** The worker's working folder: one where neither Node nor git finds anything to read. */
  readonly cwd: string
}

/** A worker that is a child of this process, on Node, that does its teardown itself. */
export class SpawnedProcess implements WorkerProcess {
  readonly #process: ChildProcess
  readonly #stderr: StderrTail

  /** @throws {WorkerStartError} if not even the pipes can be made */
  constructor({ program, args, env, cwd }: SpawnOptions, events: WorkerEvents) {
    this.#process = spawn(program, args, { detached: true, cwd, env, stdio: ['pipe', 'pipe', 'pipe', 'ipc'] })
    this.#process.on('error', (cause) => {
      // With a pid, it is about a message that could not be sent to a worker that is ending.
      if (this.pid !== undefined) return
      events.onNotStarted(new WorkerStartError(`The worker could not be started: ${cause.message}.`, { cause }))
    })
    // Out of descriptors, Node does not even make the pipes.
    if (!this.#process.stdout) throw new WorkerStartError('The worker could not be started: no descriptors are left.')
    this.#stderr = new StderrTail(this.#process.stderr!)
    this.#process.on('message', (message) => events.onMessage(parseFromWorker(message)))
    this.#process.on('exit', () => void this.#channelClosed().then(() => events.onEnded()))
    // If git stops reading, its exit says so.
    this.stdin.on('error', () => {})
    this.stdout.on('error', () => {})
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  get stdin(): Writable {
    return this.#process.stdin!
  }

  get stdout(): Readable {
    return this.#process.stdout!
  }

  get outputBytes(): number {
    return (this.#process.stdout as Socket).bytesRead
  }

  /** Whether it exited by itself with code 0. A worker does so only when nothing of its request lives. */
  get hasEndedWell(): boolean {
    return this.#process.exitCode === 0
  }

  lastWords(): Promise<string> {
    return this.#stderr.text()
  }

  watchWords(onWords: (chunk: Buffer) => void): void {
    this.#stderr.watch(onWords)
  }

  /** A worker that has just ended cannot be told anything; its exit is on the way. */
  tell(message: ToWorker): void {
    if (this.#process.connected) this.#process.send(message, () => {})
  }

  closePipes(isDrained: boolean): void {
    this.stdin.destroy()
    if (isDrained) this.stdout.removeAllListeners('data').resume()
    else this.stdout.destroy()
  }

  wakeIfStopped(): void {
    if (this.pid !== undefined && isStopped(this.pid)) this.#process.kill('SIGCONT')
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }

  /** Kills the worker and its group. Until the worker has been reaped, its pid cannot be another process's. */
  killGroup(): void {
    const isAlive = this.#process.exitCode === null && this.#process.signalCode === null
    if (this.pid !== undefined && isAlive) killGroup(this.pid)
  }

  /** Node has reaped it. */
  async release(): Promise<void> {}

  /** The last messages may arrive after the exit. */
  async #channelClosed(): Promise<void> {
    if (!this.#process.connected) return
    const closed = new Promise<void>((resolve) => this.#process.once('disconnect', resolve))
    await within(lastMessageMs, closed, undefined)
  }
}
