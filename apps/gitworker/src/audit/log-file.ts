import { constants } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '@sluice/shared/machine/sync-to-disk'
import { errnoOf } from '@sluice/shared/machine/errno'

/** For the supervisor's user, and for reading by its group. An operator may make the file with other rights. */
const mode = 0o640

/** Opening a pipe must not block. It is refused afterwards. */
const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK

/**
 * A file that lines are appended to, for good: they are on the disk when `append` resolves. An operator may rename,
 * remove or truncate it at any time. Before each write, the file at the path is compared with the open one, by device
 * and inode. So nobody has to send a signal.
 */
export class LogFile implements AsyncDisposable {
  readonly #path: string
  #file: FileHandle | undefined
  #identity = ''
  /** Whether the file may end within a line: the disk was full, or the machine lost its power. */
  #endsWithinLine = false

  constructor(path: string) {
    this.#path = path
  }

  /** Makes sure that the file at the path is open, and makes it where it is missing. */
  async open(): Promise<void> {
    const found = await stat(this.#path, { bigint: true }).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') throw error
      return undefined
    })
    if (this.#file && found && identityOf(found) === this.#identity) return
    await this[Symbol.asyncDispose]()
    const file = await open(this.#path, flags, mode)
    try {
      const opened = await file.stat({ bigint: true })
      if (!opened.isFile()) throw new Error('it is no file')
      // The name of a new file must outlive a crash as well.
      if (!found) await syncFolder(dirname(this.#path))
      this.#endsWithinLine = await endsWithinLine(file, Number(opened.size))
      this.#identity = identityOf(opened)
      this.#file = file
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** @param lines each ends in a line feed, and is written with one system call */
  async append(lines: readonly string[]): Promise<void> {
    try {
      await this.open()
      for (const line of lines) await this.#write(Buffer.from(line))
      await this.#file!.datasync()
    } catch (error) {
      // After a failed fsync(2), nobody knows what the next one would say about the same writes.
      await this[Symbol.asyncDispose]()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close().catch(() => {})
  }

  async #write(line: Buffer): Promise<void> {
    // An empty line does no harm. What was cut short must not swallow the next line.
    const bytes = this.#endsWithinLine ? Buffer.concat([lineFeed, line]) : line
    this.#endsWithinLine = true
    for (let written = 0; written < bytes.length;) {
      written += (await this.#file!.write(bytes, written)).bytesWritten
    }
    this.#endsWithinLine = false
  }
}

const lineFeed = Buffer.from('\n')

async function endsWithinLine(file: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return false
  const { bytesRead, buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
  return bytesRead > 0 && !buffer.equals(lineFeed)
}

function identityOf({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${dev} ${ino}`
}
