import { readFileSync } from 'node:fs'

/**
 * How node is started for the gateway and the supervisor: docs/internals/cluster.md has the measurements. Shell scripts read
 * the same file.
 */
export const nodeFlags: readonly string[] = readFileSync(new URL('node-flags.txt', import.meta.url), 'utf8')
  .trim()
  .split(' ')
