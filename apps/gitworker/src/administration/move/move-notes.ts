import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { Logger } from '@sluice/shared/telemetry/log'
import { isIdentityOf } from './folder-identity.ts'
import { settleEdit } from './alternate-edits.ts'
import type { AlternatesEdit } from './alternate-edits.ts'

/** A move of a folder, and the alternates that change with it. */
export type NotedMove = {
  readonly target: string
  /** The folder's: see folder-identity.ts. It tells whether the folder is at the target. */
  readonly identity: string
  readonly edits: readonly AlternatesEdit[]
}

/** Notes of moves that change alternates. The next supervisor settles what a killed one has left half done. */
export class MoveNotes {
  /** How many folders this process has moved. Whoever looks for repositories meanwhile may have missed one. */
  moves = 0
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
  write(move: NotedMove): { drop(): void } {
    if (move.edits.length === 0) return { drop() {} }
    const file = join(this.#folder, randomUUID())
    writeFileSync(`${file}.new`, JSON.stringify(move), { flush: true })
    renameSync(`${file}.new`, file)
    return { drop: () => rmSync(file, { force: true }) }
  }
}

async function settleNote(file: string, log: Logger): Promise<void> {
  try {
    // A note that was not finished: nothing has been done yet.
    if (!file.endsWith('.new')) await settle(JSON.parse(readFileSync(file, 'utf8')) as NotedMove)
    rmSync(file, { force: true })
  } catch (err) {
    log.warn({ err, file }, 'the alternates of a repository that was being moved could not be settled')
  }
}

/** Leaves the paths that are right for where the folder is now. */
export async function settle({ target, identity, edits }: NotedMove): Promise<void> {
  const isMoved = isIdentityOf(identity, target)
  for (const edit of edits) await settleEdit(edit, isMoved)
}
