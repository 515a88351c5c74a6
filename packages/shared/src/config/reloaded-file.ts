import { readFile, stat } from 'node:fs/promises'
import { ConfigError } from './config-error.ts'
import { errnoOf } from '../machine/errno.ts'

/** How soon a change is noticed. The files are small, and read whole: times tell nothing of what a mount has swapped. */
const lookEveryMs = 1000

/** Of one file. */
const maxBytes = 1024 * 1024

export type Watching<T> = {
  readonly paths: readonly string[]
  /** From the files' contents, in the order of their paths; throws an Error that says in words what is wrong with which. */
  readonly parse: (contents: readonly string[]) => T
  /** What the files said was replaced. */
  readonly onChange?: (value: T) => void
  /** They are not right any more, and the old ones stay in force. Said once for each state of the files. */
  readonly onProblem: (problem: string) => void
}

/** What some files say, now: they are looked at for as long as this lives. What is wrong in them changes nothing. */
export class ReloadedFile<T> implements Disposable {
  readonly #watching: Watching<T>
  #seen: readonly string[]
  #current: T
  #timer: NodeJS.Timeout | undefined
  #isOver = false
  #problem: string | undefined

  private constructor(watching: Watching<T>, seen: readonly string[]) {
    this.#watching = watching
    this.#seen = seen
    this.#current = watching.parse(seen)
    this.#lookLater()
  }

  /**
   * @param setting the variable, or variables, that name the files, for messages
   * @throws {ConfigError} where a file cannot be read or is not right; one that is not there may still be mounted
   */
  static async open<T>(setting: string, watching: Watching<T>): Promise<ReloadedFile<T>> {
    try {
      return new ReloadedFile(watching, await readAll(watching.paths))
    } catch (error) {
      const { message, cause } = error as Error
      throw new ConfigError([`${setting}: ${message}.`], { mayHeal: errnoOf(cause) === 'ENOENT' })
    }
  }

  get current(): T {
    return this.#current
  }

  #lookLater(): void {
    if (!this.#isOver) this.#timer = setTimeout(() => void this.#look(), lookEveryMs).unref()
  }

  async #look(): Promise<void> {
    try {
      const found = await readAll(this.#watching.paths)
      if (!this.#isOver && found.some((content, index) => content !== this.#seen[index])) this.#take(found)
      // A file that could not be read is the same again.
      if (this.#problem?.startsWith(unreadable)) this.#problem = undefined
    } catch (error) {
      this.#tell(error)
    }
    this.#lookLater()
  }

  #take(found: readonly string[]): void {
    this.#seen = found
    this.#problem = undefined
    this.#current = this.#watching.parse(found)
    this.#watching.onChange?.(this.#current)
  }

  #tell(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error)
    if (problem === this.#problem || this.#isOver) return
    this.#problem = problem
    this.#watching.onProblem(problem)
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    clearTimeout(this.#timer)
  }
}

const unreadable = 'cannot read '

async function readAll(paths: readonly string[]): Promise<string[]> {
  return await Promise.all(paths.map(readSmall))
}

async function readSmall(path: string): Promise<string> {
  try {
    const found = await stat(path)
    if (!found.isFile()) throw new Error(`${unreadable}${path}: it is no file`)
    if (found.size > maxBytes) throw new Error(`${unreadable}${path}: it has more than ${maxBytes} bytes`)
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = errnoOf(error)
    throw code ? new Error(`${unreadable}${path} (${code})`, { cause: error }) : error
  }
}
