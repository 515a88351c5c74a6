import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Logger } from '@sluice/shared/telemetry/log'
import { settleEdit } from './alternate-edits.ts'
import type { AlternatesEdit } from './alternate-edits.ts'

/** Notes of moves that change alternates. The next supervisor settles what a killed one has left half done. */
export class MoveNotes {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** @param folder of the runtime directory, which this process owns */
  static async open(folder: string, log: Logger): Promise<MoveNotes> {
    mkdirSync(folder, { recursive: true })
    for (const name of readdirSync(folder)) await settleNote(join(folder, name), log)
    return new MoveNotes(folder)
  }

  /** @returns a note, to be dropped when the edits are settled */
  write(edits: readonly AlternatesEdit[]): { drop(): void } {
    if (edits.length === 0) return { drop() {} }
    const file = join(this.#folder, randomUUID())
    writeFileSync(`${file}.new`, JSON.stringify(edits), { flush: true })
    renameSync(`${file}.new`, file)
    return { drop: () => rmSync(file, { force: true }) }
  }
}

async function settleNote(file: string, log: Logger): Promise<void> {
  try {
    // A note that was not finished: nothing has been done yet.
    const edits = file.endsWith('.new') ? [] : (JSON.parse(readFileSync(file, 'utf8')) as AlternatesEdit[])
    for (const edit of edits) await settleEdit(edit)
    rmSync(file, { force: true })
  } catch (err) {
    log.warn({ err, file }, 'the alternates of a repository that was being moved could not be settled')
  }
}
