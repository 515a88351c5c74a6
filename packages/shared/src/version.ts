import { readFileSync } from 'node:fs'

/** The version of Sluice. All of its packages have the same. */
export const version = versionIn(new URL('../package.json', import.meta.url))

function versionIn(file: URL): string {
  return String((JSON.parse(readFileSync(file, 'utf8')) as { version?: unknown }).version)
}
