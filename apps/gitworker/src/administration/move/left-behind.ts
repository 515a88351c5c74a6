import { accessSync, constants, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beginningOf } from '../../repository/repository.ts'

/** So many are named. */
const mostNamed = 20

/**
 * What a repository has that is not copied to other hosts, as paths in it: hooks that git would run, attributes, excludes and
 * grafts. Reflogs are not named: most repositories have none.
 */
export function leftBehind(gitDir: string): string[] {
  const files = ['info/attributes', 'info/exclude', 'info/grafts'].filter((path) => saysSomething(join(gitDir, path)))
  return [...hooksIn(gitDir), ...files].slice(0, mostNamed)
}

function hooksIn(gitDir: string): string[] {
  const isHook = (name: string) => !name.endsWith('.sample') && isExecutable(join(gitDir, 'hooks', name))
  return namesIn(join(gitDir, 'hooks'))
    .filter(isHook)
    .map((name) => `hooks/${name}`)
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted()
  } catch {
    return []
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** git makes files with comments only. */
function saysSomething(path: string): boolean {
  try {
    return /^[ \t]*[^#\s]/m.test(beginningOf(path) ?? '')
  } catch {
    return true
  }
}
