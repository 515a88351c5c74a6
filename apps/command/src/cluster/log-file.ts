import { mkdir, open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'

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
