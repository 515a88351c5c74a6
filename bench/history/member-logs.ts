import { createWriteStream, mkdirSync, renameSync } from 'node:fs'
import type { WriteStream } from 'node:fs'
import { join } from 'node:path'
import type { LogLine } from '@sluice/shared/testing/app'

/** A member may have one such file, and one from before. */
const mostBytes = 256 * 2 ** 20
/** More than that are no help to anybody. */
const mostErrors = 50_000

type File = { readonly stream: WriteStream; bytes: number }

/** What members log, of all their processes: errors for the report, and all of it in files, if they are wanted. */
export class MemberLogs {
  /** `at`: by this process's clock. */
  readonly errors: { readonly member: string; readonly at: number; readonly line: LogLine }[] = []
  readonly #folder: string | undefined
  readonly #files = new Map<string, File>()

  constructor(folder: string | undefined) {
    this.#folder = folder
    if (folder !== undefined) mkdirSync(folder, { recursive: true })
  }

  take(member: string, line: LogLine): void {
    if (line['level'] === 'error' && this.errors.length < mostErrors) this.errors.push({ member, at: Date.now(), line })
    if (this.#folder === undefined) return
    const text = `${JSON.stringify(line)}\n`
    const file = this.#fileOf(member, this.#folder)
    file.bytes += text.length
    file.stream.write(text)
  }

  #fileOf(member: string, folder: string): File {
    const path = join(folder, `${member}.log`)
    const open = this.#files.get(member)
    if (open && open.bytes < mostBytes) return open
    open?.stream.end()
    if (open) renameSync(path, join(folder, `${member}.before.log`))
    const file = { stream: createWriteStream(path), bytes: 0 }
    this.#files.set(member, file)
    return file
  }
}
