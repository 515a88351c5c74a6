import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { temporaryFolder } from './folder.ts'

/** A folder with these files, by their paths in it: for example, the /proc and /sys of another machine. */
export async function temporaryTree(files: Readonly<Record<string, string>>) {
  const folder = await temporaryFolder()
  const write = async (more: Readonly<Record<string, string>>) => {
    for (const [name, content] of Object.entries(more)) {
      const path = join(folder.path, name)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, content)
    }
  }
  await write(files)
  return { path: folder.path, write, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}
