import { mkdir, open, readFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'

const shownLines = 3
const shownOfLine = 300

export type LogFile = AsyncDisposable & { readonly path: string; readonly handle: FileHandle }

/** The log of one process of a cluster, which begins anew at each start of the whole. */
export async function openLog(folder: string, name: string): Promise<LogFile> {
  const logs = logsIn(folder)
  await mkdir(logs, { recursive: true })
  const path = join(logs, `${name}.log`)
  const handle = await open(path, 'w')
  return { path, handle, [Symbol.asyncDispose]: () => handle.close() }
}

export function logsIn(folder: string): string {
  return join(folder, 'log')
}

/** In words: where a log is, and what its last lines say. */
export async function endOf({ path }: LogFile): Promise<string> {
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n').slice(-shownLines)
  if (lines.join('') === '') return `Its log is empty: ${path}.`
  const shown = lines.map((line) => (line.length > shownOfLine ? `${line.slice(0, shownOfLine)}…` : line))
  return `Its log, ${path}, ends with:\n${shown.join('\n')}`
}
