import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { nodeFlags } from '@sluice/shared/app/node-flags'

const main = fileURLToPath(new URL('../../apps/command/src/main.ts', import.meta.url))

export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** Runs the command `sluice` as a process, with nothing but this environment. */
export async function runSluice(args: readonly string[], env: Record<string, string>): Promise<Ran> {
  const { promise, resolve } = Promise.withResolvers<Ran>()
  const child = execFile(
    process.execPath,
    [...nodeFlags, main, ...args],
    { env: { PATH: process.env['PATH'], ...env } },
    (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
  )
  return await promise
}
