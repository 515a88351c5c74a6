import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'

/** Where Bun may be: the npm package's, then whatever PATH has. */
export function bunPrograms(): string[] {
  const inPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'bun'))
  return [...bunOfPackage(), ...inPath].filter((path) => existsSync(path))
}

function bunOfPackage(): string[] {
  try {
    const packageJson = createRequire(import.meta.url).resolve('bun/package.json')
    return [join(packageJson, '../bin/bun.exe')]
  } catch {
    return []
  }
}
