import { spawn } from 'node:child_process'
import { on, once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { nodeFlags } from '@sluice/shared/app/node-flags'
import { EndedError } from '@sluice/shared/app/run-app'

const main = fileURLToPath(new URL('../../../../gitworker/src/administer.ts', import.meta.url))

/** The administration of a host that is stopped, in a process of its own, until disposed of. */
export type StoppedHost = AsyncDisposable & { readonly socketPath: string }

/**
 * Starts the administration of a host that is stopped. That takes the runtime directory as the host does, so it fails where
 * a host runs after all.
 *
 * @throws {EndedError} if it ends before it listens; it has printed why
 */
export async function openStoppedHost(env: NodeJS.ProcessEnv): Promise<StoppedHost> {
  // Ctrl-C must reach it over the command only, which lets it tidy up.
  const child = spawn(process.execPath, [...nodeFlags, main], {
    env,
    detached: true,
    // Its log goes where messages for people go.
    stdio: ['ignore', 2, 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  const early = exited.then(([code]: (number | null)[]) => {
    throw new EndedError('The administration of the stopped host', code || 1)
  })
  early.catch(() => {})
  const listens = async () => {
    for await (const [message] of on(child, 'message')) {
      const { socket } = message as { socket?: unknown }
      if (typeof socket === 'string') return socket
    }
    throw new Error('The channel of messages has ended.')
  }
  const socketPath = await Promise.race([listens(), early])
  return {
    socketPath,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await exited
    },
  }
}
