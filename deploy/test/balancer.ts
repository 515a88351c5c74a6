import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { ask } from '@sluice/shared/testing/http'
import { patiently } from '@sluice/shared/testing/patience'
import { until } from '@sluice/shared/testing/until'

/** What the tests of the example configurations for load balancers share. */

export const skipWithout = (program: string, debianPackage = program) =>
  spawnSync(program, ['-v']).error ? `${program} is not installed (apt-get install ${debianPackage})` : false

/** The file as it is shipped, with other addresses and times. Each text to be replaced must be in it. */
export async function adapted(name: string, replacements: Record<string, string>): Promise<string> {
  let text = await readFile(new URL(`../${name}`, import.meta.url), 'utf8')
  for (const [from, to] of Object.entries(replacements)) {
    assert.ok(text.includes(from), `${name}: ${from}`)
    text = text.replace(from, to)
  }
  return text
}

/** Runs a balancer until disposed of. Resolves when it passes a request on. */
export async function startBalancer(program: string, args: string[], address: string): Promise<AsyncDisposable> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4096)))
  const exited = once(child, 'exit')
  const passesOn = async () => {
    if (child.exitCode !== null) throw new Error(`${program} ended: ${said}`)
    return (await ask(address, '/readyz').catch(() => undefined))?.status === 200
  }
  await until(`${program} to be ready`, passesOn)
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await patiently(`${program} to end`, exited).catch((error: unknown) => {
        child.kill('SIGKILL')
        throw error
      })
    },
  }
}
