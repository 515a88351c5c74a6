import { readSmall } from '../access/read-files.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { CommandError, FileError, UsageError } from '../output/failure.ts'

const longest = 16 * 1024

/**
 * The token in a file, without the end of the line.
 *
 * @param path `-` is standard input
 */
export async function readTokenText(path: string, at: Surroundings): Promise<string> {
  const text = (path === '-' ? await readAll(at.stdin) : await readNamed(path)).trim()
  if (text.length > longest) throw new CommandError('This is no token: it is too long.')
  return text
}

/** No setting names this file, but whoever called the command. */
async function readNamed(path: string): Promise<string> {
  return await readSmall(path).catch((error: unknown) => {
    throw error instanceof FileError ? new UsageError(error.message) : error
  })
}

async function readAll(stdin: NodeJS.ReadStream): Promise<string> {
  let text = ''
  for await (const chunk of stdin as AsyncIterable<Buffer | string>) {
    text += chunk.toString()
    if (text.length > longest) throw new CommandError('This is no token: it is too long.')
  }
  return text
}
