import { randomUUID } from 'node:crypto'
import { open, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunLongJob } from '../../process/job/long-job.ts'
import { mostPointerBytes, PointerBlobs } from './pointer-blobs.ts'

/** So many bytes of ids are written to the disk at once. */
const writeBytes = 1024 * 1024

/**
 * Finds all objects of LFS that a reference needs: those that pointers in its history point to. What reflogs have counts as
 * well, so that a push can still be undone.
 *
 * The ids of small blobs go through a file without a name, since a repository may have millions.
 *
 * @param runFolder where that file is made
 * @param onNeeded called with the name of each object, maybe several times
 * @throws {JobError} where git cannot read all of the history
 */
export async function findNeededObjects(
  gitDir: string,
  runFolder: string,
  runLongJob: RunLongJob,
  signal: AbortSignal,
  onNeeded: (oid: string) => void,
): Promise<void> {
  await using file = await namelessFile(runFolder)
  await runLongJob(['--git-dir', gitDir, ...listing], { signal, onOutput: (chunk) => file.append(chunk) })
  await file.flush()
  const blobs = new PointerBlobs(onNeeded)
  const reading = ['--git-dir', gitDir, 'cat-file', '--batch', '--buffer']
  await runLongJob(reading, { signal, input: file.read(), onOutput: (chunk) => blobs.read(chunk) })
  blobs.end()
}

/** The ids of all blobs that are small enough for a pointer: git-rev-list(1). */
const listing = [
  'rev-list',
  '--objects',
  '--no-object-names',
  '--all',
  '--reflog',
  '--filter=object:type=blob',
  `--filter=blob:limit=${mostPointerBytes + 1}`,
  '--filter-provided-objects',
]

/** A file that is gone with this process, whatever becomes of it. */
async function namelessFile(folder: string) {
  const path = join(folder, `lfs-prune.${randomUUID()}`)
  const handle = await open(path, 'wx+', 0o600)
  await unlink(path)
  return new NamelessFile(handle)
}

class NamelessFile implements AsyncDisposable {
  readonly #handle: FileHandle
  #waiting: Buffer[] = []
  #bytes = 0

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  append(chunk: Buffer): Promise<void> | void {
    this.#waiting.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes >= writeBytes) return this.flush()
  }

  async flush(): Promise<void> {
    const waiting = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#bytes = 0
    if (waiting.length > 0) await this.#handle.appendFile(waiting)
  }

  /** All of it, from its beginning. */
  read() {
    return this.#handle.createReadStream({ start: 0, autoClose: false })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }
}
