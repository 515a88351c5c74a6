import type { Readable, Writable } from 'node:stream'
import { isStopped } from '../process-table.ts'
import { killGroup } from '../session.ts'
import { StderrTail } from '../worker/stderr-tail.ts'
import { tearDown } from '../teardown.ts'
import { WorkerStartError } from '../worker-handle.ts'
import type { Graces, ToWorker } from '../worker-message.ts'
import type { WorkerEvents, WorkerProcess } from '../worker/worker-process.ts'
import { FrameReader } from './frames.ts'
import type { Launched, Launcher } from './launcher.ts'
import { leftoversOf } from './leftovers.ts'
import { isLiveWorker } from './orphans.ts'
import { commandFrame, parseFromLaunchedWorker, signalFrame } from './worker-frames.ts'
import type { FromLaunchedWorker, Limits } from './worker-frames.ts'
import { GitOutput } from '../output/git-output.ts'

/**
 * A worker that the launcher has forked. It does what it is told, and says what it sees; this side decides which signals what
 * it runs is sent, and when.
 */
export class LaunchedProcess implements WorkerProcess {
  readonly #launcher: Launcher
  readonly #events: WorkerEvents
  readonly #limits: Limits
  #launched: Launched | undefined
  #stderr: StderrTail | undefined
  #output: GitOutput | undefined
  #graces: Graces | undefined
  #isUnwanted = false
  #isEnding = false
  #hasEnded = false
  hasEndedWell = false

  constructor(launcher: Launcher, limits: Limits, events: WorkerEvents) {
    this.#launcher = launcher
    this.#limits = limits
    this.#events = events
    launcher.launch().then(
      (launched) => this.#connect(launched),
      (error: unknown) => this.#hasNotStarted(error),
    )
  }

  get pid(): number | undefined {
    return this.#launched?.pid
  }

  get stdin(): Writable {
    return this.#launched!.streams.stdin
  }

  get stdout(): Readable {
    return this.#output!
  }

  get outputBytes(): number {
    return this.#output!.bytesRead
  }

  async lastWords(): Promise<string> {
    return (await this.#stderr?.text()) ?? ''
  }

  watchWords(onWords: (chunk: Buffer) => void): void {
    this.#stderr?.watch(onWords)
  }

  tell(message: ToWorker): void {
    if (message.type === 'serve') return this.#serve(message)
    if (this.#graces) void this.#end({ ...this.#graces, term: message.term })
    // It runs nothing: without its channel, it ends.
    else this.#launched?.streams.channel.end()
  }

  closePipes(isDrained: boolean): void {
    if (!this.#launched) return
    this.stdin.destroy()
    if (isDrained) this.stdout.removeAllListeners('data').resume()
    else this.stdout.destroy()
  }

  wakeIfStopped(): void {
    if (!this.#launched || this.#hasEnded) return
    const { pid, launcher } = this.#launched
    if (isStopped(pid)) launcher.signalWorker(pid, 'SIGCONT')
  }

  kill(): void {
    this.#isUnwanted = true
    if (this.#launched && !this.#hasEnded) this.#launched.launcher.signalWorker(this.#launched.pid, 'SIGKILL')
  }

  killGroup(): void {
    if (!this.#launched || this.#hasEnded) return
    const { pid, launcher, group } = this.#launched
    // Catches what left the session, and what is just being forked.
    group?.kill()
    // It is not reaped before its end has been told here, unless its launcher has died.
    if (!launcher.hasEnded || isLiveWorker(pid)) killGroup(pid)
  }

  async release(): Promise<void> {
    if (!this.#launched) return
    const { pid, launcher, group } = this.#launched
    if (this.#graces && !this.hasEndedWell) await this.#launcher.endOrphans()
    await launcher.reap(pid)
    await this.#launcher.giveBack(group, this.hasEndedWell)
  }

  #connect(launched: Launched): void {
    this.#launched = launched
    const { stdin, stderr, channel } = launched.streams
    const stdout = (this.#output = new GitOutput(launched.streams.stdout))
    this.#stderr = new StderrTail(stderr)
    // As nothing is read from it, nothing else closes it.
    stdin.on('finish', () => stdin.destroy())
    const reader = new FrameReader()
    channel.on('data', (chunk: Buffer) => {
      try {
        for (const message of reader.read(chunk)) this.#hear(parseFromLaunchedWorker(message))
      } catch {
        this.#events.onMessage(undefined)
      }
    })
    channel.on('close', () => {
      this.#hasEnded = true
      stdin.destroy()
      this.#events.onEnded()
    })
    stdout.on('error', () => {})
    if (this.#isUnwanted) this.kill()
    else this.#events.onMessage({ type: 'ready' })
  }

  #hasNotStarted(cause: unknown): void {
    const error = cause instanceof WorkerStartError ? cause : new WorkerStartError(String(cause), { cause })
    this.#events.onNotStarted(error)
  }

  #serve({ command, graces }: Extract<ToWorker, { type: 'serve' }>): void {
    this.#graces = graces
    try {
      this.#launched?.streams.channel.write(commandFrame(command, graces, this.#limits))
    } catch (error) {
      this.#events.onMessage({ type: 'not_started', error: String(error) })
    }
  }

  #hear(message: FromLaunchedWorker): void {
    switch (message.type) {
      case 'exited':
        this.#events.onMessage({ type: 'exited', ...message.report, ...this.#launched?.group?.use() })
        this.hasEndedWell = !message.hasLeft
        if (message.hasLeft && !this.#isEnding) this.#endLeftovers()
        return
      case 'not_started':
        this.hasEndedWell = true
        return this.#events.onMessage(message)
      case 'empty':
        this.hasEndedWell = true
    }
  }

  #endLeftovers(): void {
    this.#events.onMessage({ type: 'leftovers', processes: leftoversOf(this.#launched!.pid) })
    void this.#end({ ...this.#graces!, term: 0 })
  }

  async #end(graces: Graces): Promise<void> {
    if (this.#isEnding) return
    this.#isEnding = true
    const { channel } = this.#launched!.streams
    await tearDown(
      {
        isEmpty: () => this.#hasEnded,
        terminate: () => channel.write(signalFrame('SIGTERM')),
        kill: () => channel.writableLength === 0 && channel.write(signalFrame('SIGKILL')),
        beforeSignal: (signal) => this.#events.onMessage({ type: 'signalling', signal }),
      },
      graces,
    )
  }
}
