import { spawn } from 'node:child_process'
import type { SpawnOptions } from 'node:child_process'
import { once } from 'node:events'

/** A process that belongs to no request. It is ended when it is disposed of. */
export async function startOther(options: SpawnOptions) {
  const child = spawn('/bin/sleep', ['1000'], { ...options, stdio: 'ignore' })
  const gone = once(child, 'exit')
  await once(child, 'spawn')
  const end = async () => {
    child.kill('SIGKILL')
    await gone
  }
  return { end, [Symbol.asyncDispose]: end }
}
