import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errnoOf } from '@sluice/shared/machine/errno'
import type { Logger } from '@sluice/shared/telemetry/log'

/*
 * Notes of the files that are being uploaded, in the runtime directory: each has the path of one. Only one supervisor at a
 * time has that directory, so what an earlier note names has no living owner.
 */

/** `lfs/incoming/OID.UUID`: nothing else is ever removed. */
const incomingForm = /\/lfs\/incoming\/[0-9a-f]{64}\.[0-9a-f-]{36}$/

export class UploadNotes {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Removes what an earlier supervisor has left. */
  static open(runFolder: string, log: Logger): UploadNotes {
    const folder = join(runFolder, 'uploads')
    mkdirSync(folder, { recursive: true })
    for (const name of readdirSync(folder)) clear(join(folder, name), log)
    return new UploadNotes(folder)
  }

  /** To be called before the file is made. Disposing of it removes the note. */
  write(path: string): Disposable {
    const file = join(this.#folder, randomUUID())
    try {
      writeFileSync(file, path)
    } catch {
      // A full disk must not stop the service. If an upload without a note is killed, what it leaves stays.
    }
    return { [Symbol.dispose]: () => rmSync(file, { force: true }) }
  }
}

function clear(note: string, log: Logger): void {
  try {
    const path = readFileSync(note, 'utf8')
    if (incomingForm.test(path) && wasRemoved(path)) log.warn({ path }, 'removed what an unfinished upload had left')
    rmSync(note, { force: true })
  } catch (err) {
    log.warn({ err, note }, 'could not remove what an unfinished upload had left')
  }
}

function wasRemoved(path: string): boolean {
  try {
    unlinkSync(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false
    throw error
  }
  try {
    rmdirSync(dirname(path))
    rmdirSync(dirname(dirname(path)))
  } catch {
    // Something else is in it.
  }
  return true
}
