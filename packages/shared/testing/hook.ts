import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Gives a repository a hook.
 *
 * @param script for sh, unless it begins with `#!` and another interpreter
 * @param folder the repository's folder for hooks, which is made if it is missing
 */
export async function writeHook(gitDir: string, name: string, script: string, folder = 'hooks'): Promise<void> {
  const path = join(gitDir, folder, name)
  await mkdir(join(gitDir, folder), { recursive: true })
  await writeFile(path, script.startsWith('#!') ? script : `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
}
