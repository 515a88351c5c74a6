import { readFile, stat } from 'node:fs/promises'
import { ConfigError } from './config-error.ts'
import { NotReadError } from './aside/not-read-error.ts'
import { errnoOf } from '../machine/errno.ts'

/**
 * How soon a change is noticed. The files are small and are read whole each time: the times of a file do not show that
 * a mount has put another one in its place.
 */
const lookEveryMs = 1000

/** The size limit of one file, unless another is given. */
const usualMaxBytes = 1024 * 1024

export type Reloading<T> = {
  readonly paths: readonly string[]
  /**
   * Makes a value of the contents, in the order of the paths. Throws an Error that says in words what is wrong where.
   * What may be long is read in turns or in a thread: requests are served meanwhile. The signal ends that. After a
   * `NotReadError` it is called again.
   */
  readonly parse: (contents: readonly string[], signal: AbortSignal) => T | Promise<T>
  /** The size limit of one file. */
  readonly maxBytes?: number
  /** Called when a new value has replaced the old one. */
  readonly onChange?: (value: T) => void
  /** Called once for each state of the files that is not right. The old value stays in force. */
  readonly onProblem: (problem: string) => void
}

/**
 * The value of a file, or of several files that belong together. The files are checked for as long as this lives. A
 * change replaces the value. A broken or missing file leaves it as it is. All files that are read again when they
 * change are read here.
 */
export class ReloadedFile<T> implements Disposable {
  readonly #reloading: Reloading<T>
  #contents: readonly string[]
  #current: T
  #timer: NodeJS.Timeout | undefined
  readonly #ending = new AbortController()
  /** Why the files could not be read the last time; undefined if they could. */
  #unreadable: string | undefined

  private constructor(reloading: Reloading<T>, contents: readonly string[], value: T) {
    this.#reloading = reloading
    this.#contents = contents
    this.#current = value
    this.#lookLater()
  }

  /**
   * @param setting the variable, or variables, that name the files, for messages
   * @throws {ConfigError} if a file cannot be read or is not right. A later start may succeed if a file is missing,
   *   because it may still be mounted
   */
  static async open<T>(setting: string, reloading: Reloading<T>): Promise<ReloadedFile<T>> {
    try {
      const contents = await readAll(reloading)
      const never = new AbortController().signal
      return new ReloadedFile(reloading, contents, await reloading.parse(contents, never))
    } catch (error) {
      const { message, cause } = error as Error
      throw new ConfigError([`${setting}: ${message}.`], { mayHeal: errnoOf(cause) === 'ENOENT' })
    }
  }

  get current(): T {
    return this.#current
  }

  #lookLater(): void {
    if (!this.#ending.signal.aborted) this.#timer = setTimeout(() => void this.#look(), lookEveryMs).unref()
  }

  async #look(): Promise<void> {
    const contents = await readAll(this.#reloading).catch((error: unknown) => this.#tellUnreadable(error))
    if (contents?.some((content, index) => content !== this.#contents[index])) await this.#take(contents)
    else if (contents) this.#unreadable = undefined
    this.#lookLater()
  }

  /** Never rejects. */
  async #take(contents: readonly string[]): Promise<void> {
    const { signal } = this.#ending
    if (signal.aborted) return
    try {
      const value = await this.#reloading.parse(contents, signal)
      if (signal.aborted) return
      this.#contents = contents
      this.#unreadable = undefined
      this.#current = value
      this.#reloading.onChange?.(value)
    } catch (error) {
      if (error instanceof NotReadError) return this.#tellUnreadable(error)
      this.#contents = contents
      this.#unreadable = undefined
      if (!signal.aborted) this.#reloading.onProblem(messageOf(error))
    }
  }

  #tellUnreadable(error: unknown): undefined {
    const problem = messageOf(error)
    if (this.#ending.signal.aborted || problem === this.#unreadable) return
    this.#unreadable = problem
    this.#reloading.onProblem(problem)
  }

  [Symbol.dispose](): void {
    this.#ending.abort()
    clearTimeout(this.#timer)
  }
}

type Files = Pick<Reloading<never>, 'paths' | 'maxBytes'>

async function readAll({ paths, maxBytes = usualMaxBytes }: Files): Promise<string[]> {
  return await Promise.all(paths.map((path) => readSmall(path, maxBytes)))
}

async function readSmall(path: string, maxBytes: number): Promise<string> {
  try {
    const found = await stat(path)
    if (!found.isFile()) throw new Error(`cannot read ${path}: it is no file`)
    if (found.size > maxBytes) {
      throw new Error(`cannot read ${path}: it has ${found.size} bytes, more than the ${maxBytes} that it may have`)
    }
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = errnoOf(error)
    throw code ? new Error(`cannot read ${path} (${code})`, { cause: error }) : error
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
