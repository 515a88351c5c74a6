import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readlinkSync } from 'node:fs'
import { Readable, Writable } from 'node:stream'
import type { Producer } from '../../src/cache/packs/stream/pack-source.ts'

/** Its length is no multiple of a buffer's, so that each buffer begins elsewhere in it. */
const pattern = randomBytes(2 ** 20 + 13)

function* content(from: number, to: number): Generator<Buffer> {
  while (from < to) {
    const begin = from % pattern.length
    const chunk = pattern.subarray(begin, Math.min(begin + 65_536, begin + to - from))
    from += chunk.length
    yield chunk
  }
}

/** The hash of the first `bytes` bytes that a producer writes. */
export function hashOf(bytes: number): string {
  const hash = createHash('sha1')
  for (const chunk of content(0, bytes)) hash.update(chunk)
  return hash.digest('hex')
}

/** Writes `total` bytes as fast as it is read, at first up to `upTo`. Ends well by itself. */
export class FakeProducer implements Producer {
  readonly output: Readable
  readonly state: number | undefined
  readonly ended: Promise<'keep' | 'forget'>
  /** How many bytes it has written, with those that its stream has read ahead. */
  produced = 0
  stops = 0
  /** With what `ended` resolves. */
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

/** Takes each write after `turns` turns of the event loop, once it may take any. */
export class FakeClient extends Writable {
  bytes = 0
  /** The most bytes that it has held at a time. */
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
      // Read only now, as by a socket: until then, the memory must not change.
      this.#hash.update(chunk)
      this.bytes += chunk.length
      done()
    }
    const wait = (turns: number) => void setImmediate(() => (turns > 0 ? wait(turns - 1) : finish()))
    if (this.#mayTake) wait(this.#turns)
    else this.#goOn = () => wait(this.#turns)
  }
}

/** The files below a folder that this process has open. Those without a name end in "(deleted)". */
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
