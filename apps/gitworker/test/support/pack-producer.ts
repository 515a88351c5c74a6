import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readlinkSync } from 'node:fs'
import { Readable, Writable } from 'node:stream'
import type { Producer } from '../../src/cache/packs/stream/pack-source.ts'

/** Repeated, it never falls on the same place of two buffers. */
const pattern = randomBytes(2 ** 20 + 13)

function* content(from: number, to: number): Generator<Buffer> {
  while (from < to) {
    const begin = from % pattern.length
    const chunk = pattern.subarray(begin, Math.min(begin + 65_536, begin + to - from))
    from += chunk.length
    yield chunk
  }
}

/** The hash of the first so many bytes that a producer writes. */
export function hashOf(bytes: number): string {
  const hash = createHash('sha1')
  for (const chunk of content(0, bytes)) hash.update(chunk)
  return hash.digest('hex')
}

/** Writes `total` bytes as fast as it is read; with `upTo`, no further than that at first. Ends well by itself. */
export class FakeProducer implements Producer {
  readonly output: Readable
  readonly state: number | undefined
  readonly ended: Promise<'keep' | 'forget'>
  /** How far it has come, with what its stream has read ahead. */
  produced = 0
  stops = 0
  /** What it says of its output at its end. */
  use: 'keep' | 'forget' = 'keep'
  readonly #total: number
  readonly #ended = Promise.withResolvers<'keep' | 'forget'>()
  #upTo: number

  constructor(total: number, upTo = total, state?: number) {
    this.#total = total
    this.state = state
    this.#upTo = upTo
    this.ended = this.#ended.promise
    this.output = new Readable({ highWaterMark: 65_536, read: () => this.#push() })
  }

  goOn(upTo = this.#total): void {
    this.#upTo = upTo
    this.#push()
  }

  fail(error: Error): void {
    this.#ended.reject(error)
  }

  stop(): void {
    this.stops++
    this.output.destroy(new Error('Its output was torn down.'))
    this.fail(new Error('It was stopped.'))
  }

  #push(): void {
    const { value: chunk } = content(this.produced, this.#upTo).next() as { value: Buffer | undefined }
    if (chunk) {
      this.produced += chunk.length
      this.output.push(chunk)
    } else if (this.produced === this.#total) {
      this.output.push(null)
      this.#ended.resolve(this.use)
    }
  }
}

/** Takes what it is given, so many turns of the event loop after each write; only once it is allowed to. */
export class FakeClient extends Writable {
  bytes = 0
  /** The most that it was holding at a time. */
  mostHeld = 0
  readonly #hash = createHash('sha1')
  readonly #turns: number
  #mayTake: boolean
  #goOn = () => {}

  constructor({ turns = 0, mayTake = true } = {}) {
    super({ highWaterMark: 16_384 })
    this.#turns = turns
    this.#mayTake = mayTake
  }

  take(): void {
    this.#mayTake = true
    const goOn = this.#goOn
    this.#goOn = () => {}
    goOn()
  }

  holdAgain(): void {
    this.#mayTake = false
  }

  /** Resolves when all that it was given has been taken. */
  async whole(): Promise<void> {
    if (!this.destroyed) await new Promise<unknown>((resolve) => this.end(resolve))
  }

  get sha1(): string {
    return this.#hash.copy().digest('hex')
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.mostHeld = Math.max(this.mostHeld, this.writableLength)
    const finish = () => {
      // Only now, as a socket does: until then the memory must stay as it is.
      this.#hash.update(chunk)
      this.bytes += chunk.length
      done()
    }
    const wait = (turns: number) => void setImmediate(() => (turns > 0 ? wait(turns - 1) : finish()))
    if (this.#mayTake) wait(this.#turns)
    else this.#goOn = () => wait(this.#turns)
  }
}

/** What this process has open below a folder; names of files that have none end in "(deleted)". */
export function openFiles(folder: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      const file = readlinkSync(`/proc/self/fd/${descriptor}`)
      return file.startsWith(`${folder}/`) ? [`/proc/self/fd/${descriptor} ${file}`] : []
    } catch {
      return []
    }
  })
}
