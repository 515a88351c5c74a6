import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { AwakeDeadline } from '@sluice/shared/machine/awake-deadline'
import { wordSize } from './launcher-message.ts'

/*
 * The private unix socket where workers connect, each four times:
 *
 *   connected ──16 bytes: its word, 1 byte: which stream──▶ known        as soon as four are, the worker has its streams
 *       └── another word, something else, or nothing for too long ──▶ destroyed
 *
 * The folder is the supervisor's own, so that a stranger is a process of the same user, or root's. Who does not know a word
 * that was just given out learns nothing, and cannot stand in for a worker.
 */

/** The connections of a worker. git has the first three as its standard streams. */
export type WorkerStreams = {
  readonly stdin: Socket
  readonly stdout: Socket
  readonly stderr: Socket
  readonly channel: Socket
}

const streamNames = ['stdin', 'stdout', 'stderr', 'channel'] as const

/** How many bytes of each stream are not git's: they say whose it is. */
export const helloSize = wordSize + 1

export const socketName = 'workers.sock'

/** Workers speak as they connect; this is for a machine that is very busy. Twice as much may pass before it is seen. */
const silenceMs = 10_000

/** So many may be connected that have not said who they are. */
const maxUnknown = 1000

type Expected = {
  readonly found: Partial<Record<(typeof streamNames)[number], Socket>>
  readonly complete: (streams: WorkerStreams) => void
}

export class WorkerSocket implements Disposable {
  readonly #server: Server
  readonly #directory: number
  readonly #expected = new Map<string, Expected>()
  /** Who has not said yet who it is, and whether it had not either at the last look. */
  readonly #unknown = new Map<Socket, boolean>()
  readonly #silenceMs: number
  #looking: AwakeDeadline | undefined

  private constructor(server: Server, directory: number, silence: number) {
    this.#silenceMs = silence
    this.#server = server
    this.#directory = directory
    server.on('connection', (socket) => this.#meet(socket))
    // Out of descriptors, say: whoever wanted to connect is late, and given up.
    server.on('error', () => {})
  }

  /**
   * The path of a socket may have about a hundred bytes only, so the folder is named by its descriptor.
   *
   * @param folder is made, for this user alone
   * @param silence how long somebody may be connected, and say nothing. Milliseconds
   * @throws the system's error
   */
  static async open(folder: string, silence = silenceMs): Promise<WorkerSocket> {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const directory = openSync(folder, 'r')
    try {
      return new WorkerSocket(await listenOn(`/proc/self/fd/${directory}/${socketName}`), directory, silence)
    } catch (error) {
      closeSync(directory)
      throw error
    }
  }

  /** The streams of the worker that has been given this word; `onComplete` is called once, or never. */
  expect(word: Buffer, onComplete: (streams: WorkerStreams) => void): void {
    this.#expected.set(word.toString('latin1'), { found: {}, complete: onComplete })
  }

  /** Whoever comes with this word from now on is a stranger. */
  forget(word: Buffer): void {
    const key = word.toString('latin1')
    for (const socket of Object.values(this.#expected.get(key)?.found ?? {})) socket.destroy()
    this.#expected.delete(key)
  }

  [Symbol.dispose](): void {
    if (!this.#server.listening) return
    // Workers that still run keep their connections: they are not waited for.
    this.#server.close()
    closeSync(this.#directory)
    this.#looking?.[Symbol.dispose]()
    for (const socket of this.#unknown.keys()) socket.destroy()
    for (const { found } of this.#expected.values()) for (const socket of Object.values(found)) socket.destroy()
  }

  #meet(socket: Socket): void {
    socket.on('error', () => {})
    this.#unknown.set(socket, false)
    if (this.#unknown.size > maxUnknown) this.#turnAway(this.#unknown.keys().next().value!)
    this.#looking ??= new AwakeDeadline(this.#silenceMs, () => this.#turnAwaySilent())
    // Not 'data': what reads git's output later decides for itself when that flows.
    socket.once('readable', () => this.#hear(socket, socket.read() as Buffer | null))
  }

  #hear(socket: Socket, hello: Buffer | null): void {
    const key = hello?.toString('latin1', 0, wordSize) ?? ''
    const expected = this.#expected.get(key)
    const name = hello?.length === helloSize ? streamNames[hello[wordSize]!] : undefined
    if (!expected || !name || expected.found[name]) return this.#turnAway(socket)
    this.#unknown.delete(socket)
    expected.found[name] = socket
    const { stdin, stdout, stderr, channel } = expected.found
    if (!stdin || !stdout || !stderr || !channel) return
    this.#expected.delete(key)
    expected.complete({ stdin, stdout, stderr, channel })
  }

  #turnAwaySilent(): void {
    for (const [socket, wasSilent] of this.#unknown) {
      if (wasSilent) this.#turnAway(socket)
      else this.#unknown.set(socket, true)
    }
    if (this.#unknown.size > 0) this.#looking?.restart()
    else this.#looking = undefined
  }

  #turnAway(socket: Socket): void {
    this.#unknown.delete(socket)
    socket.destroy()
  }
}

async function listenOn(path: string): Promise<Server> {
  rmSync(path, { force: true })
  const server = createServer()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen({ path, backlog: maxUnknown }, resolve)
  await promise
  server.off('error', reject)
  return server
}
