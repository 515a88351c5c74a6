import type { Socket } from 'node:net'
import { AwakeDeadline } from '@sluice/shared/machine/awake-deadline'
import { WorkerStartError } from '../worker-handle.ts'
import { FrameReader } from './frames.ts'
import { forkOrder, parseFromLauncher, reapOrder } from './launcher-message.ts'
import type { FromLauncher } from './launcher-message.ts'

type Answer<T> = { resolve(value: T): void; reject(reason: unknown): void }

/** As errno's ECHILD, below zero. */
const noChild = -10

/** Orders to a launcher, and its answers. */
export class LauncherChannel {
  /** The children that it has forked, and that it has not been asked to forget. */
  readonly workers = new Set<number>()
  /** Resolves when the launcher takes orders. Rejects when it has ended before. */
  readonly launching: Promise<void>
  readonly #socket: Socket
  readonly #launching = Promise.withResolvers<void>()
  readonly #forks = new Map<number, Answer<number>>()
  readonly #reaps = new Map<number, Answer<number>[]>()
  #nextId = 0
  #orders: Buffer[] = []
  readonly #answerTimeout: number
  readonly #onBroken: () => void
  #answerDeadline: AwakeDeadline | undefined
  #isOver = false

  /**
   * @param answerTimeout how long a launcher that has been asked something may say nothing. Milliseconds
   * @param onBroken is called when it is late, and for what is not in the protocol
   */
  constructor(socket: Socket, answerTimeout: number, onBroken: () => void) {
    this.#socket = socket
    this.#answerTimeout = answerTimeout
    this.#onBroken = onBroken
    this.launching = this.#launching.promise
    this.launching.catch(() => {})
    const reader = new FrameReader()
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const message of reader.read(chunk)) this.#hear(parseFromLauncher(message))
      } catch {
        onBroken()
      }
    })
  }

  /**
   * Forks a worker.
   *
   * @param group the number of its control group, or 0
   * @returns its pid, or errno below zero
   * @throws {WorkerStartError} if the launcher ends before it answers
   */
  async fork(word: Buffer, group: number): Promise<number> {
    if (this.#isOver) throw new WorkerStartError('The launcher has ended.')
    const id = (this.#nextId = (this.#nextId + 1) % 2 ** 32)
    const { promise, ...answer } = Promise.withResolvers<number>()
    if (!this.#isWaiting) this.#awaitAnswer()
    this.#forks.set(id, answer)
    this.#order(forkOrder(id, group, word))
    return await promise
  }

  /** Reaps a child, if it has ended. @returns 1, 0 if it has not ended, or errno below zero if it is no child */
  async reap(pid: number): Promise<number> {
    if (this.#isOver) return noChild
    const { promise, ...answer } = Promise.withResolvers<number>()
    if (!this.#isWaiting) this.#awaitAnswer()
    const others = this.#reaps.get(pid)
    if (others) others.push(answer)
    else this.#reaps.set(pid, [answer])
    this.#order(reapOrder(pid))
    return await promise
  }

  /** The launcher takes no more orders, and ends when its children have. */
  close(): void {
    this.#socket.end()
  }

  /** The launcher has ended: whoever waits for an answer is told. */
  abandon(cause: unknown): void {
    this.#isOver = true
    this.#answerDeadline?.[Symbol.dispose]()
    this.#socket.destroy()
    const error = new WorkerStartError('The launcher has ended.', { cause })
    this.#launching.reject(error)
    for (const answer of this.#forks.values()) answer.reject(error)
    for (const answers of this.#reaps.values()) for (const answer of answers) answer.resolve(noChild)
    this.#forks.clear()
    this.#reaps.clear()
  }

  /** The orders of one turn of the event loop are one write, and wake the launcher once. */
  #order(order: Buffer): void {
    this.#orders.push(order)
    if (this.#orders.length > 1) return
    setImmediate(() => {
      const orders = this.#orders
      this.#orders = []
      this.#socket.write(Buffer.concat(orders))
    })
  }

  #awaitAnswer(): void {
    if (this.#answerDeadline) return this.#answerDeadline.restart()
    this.#answerDeadline = new AwakeDeadline(this.#answerTimeout, () => {
      if (this.#isWaiting) this.#onBroken()
    })
  }

  get #isWaiting(): boolean {
    return this.#forks.size > 0 || this.#reaps.size > 0
  }

  #hear(message: FromLauncher): void {
    this.#answerDeadline?.restart()
    switch (message.type) {
      case 'launching':
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
}
