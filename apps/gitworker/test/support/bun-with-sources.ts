import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bunPrograms } from '../../src/process/runtime/bun-programs.ts'

const sources = new URL('../../src/worker/launcher/', import.meta.url)

/**
 * A program that is called as Bun is, and runs the launcher with other C sources.
 *
 * @param change from a file's name and text to another text
 */
export async function bunWithSources(folder: string, change: (name: string, text: string) => string): Promise<string> {
  const changed = join(folder, 'launcher')
  await mkdir(changed)
  for (const name of await readdir(sources)) {
    await writeFile(join(changed, name), change(name, await readFile(new URL(name, sources), 'utf8')))
  }
  const program = join(folder, 'bun')
  const skipOptions = 'while [ "${1##*/}" != main.ts ]; do shift; done; shift'
  const script = `#!/bin/sh\n${skipOptions}\nexec '${bunPrograms()[0]}' '${changed}/main.ts' "$@"\n`
  await writeFile(program, script, { mode: 0o755 })
  return program
}
