import { spawnSync } from 'node:child_process'

const packages: Readonly<Record<string, string>> = {
  gitolite: 'gitolite3',
  nginx: 'nginx-light',
}

/** Why a test is skipped: the first program that is not installed. False if all are. */
export function skipWithoutAny(...programs: readonly string[]): string | false {
  const missing = programs.find((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0)
  if (missing === undefined) return false
  return `${missing} is not installed (apt-get install ${packages[missing] ?? missing})`
}
