import { spawn } from 'node:child_process'
import { on, once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { nodeFlags } from '@sluice/shared/app/node-flags'
import { ConfigError } from '@sluice/shared/config/config-error'
import { CommandError } from '../../output/failure.ts'

const main = fileURLToPath(new URL('../../../../gitworker/src/administer.ts', import.meta.url))

/** The administration of a host that is stopped, in a process of its own, until disposed of. */
export type StoppedHost = AsyncDisposable & { readonly socketPath: string }

/**
 * Starts the administration of a host that is stopped. That takes the runtime directory as the host does, so it fails where
 * a host runs after all.
 *
 * @throws {ConfigError | CommandError} if it ends before it listens, with its own reason
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
  // All that it has said is heard before the channel counts as closed.
  const early = Promise.all([exited, once(child, 'disconnect')]).then(() => {
    throw new CommandError('The administration of the stopped host has ended, and did not say why.')
  })
  early.catch(() => {})
  const listens = async () => {
    for await (const [message] of on(child, 'message')) {
      const { socket, failure, problems, mayHeal } = message as Told
      if (problems) throw new ConfigError(problems, { mayHeal: mayHeal ?? false })
      if (failure !== undefined) throw new CommandError(failure)
      if (socket !== undefined) return socket
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

/** What it tells its parent: where it listens, or why it does not. */
type Told = {
  readonly socket?: string
  readonly failure?: string
  readonly problems?: readonly string[]
  readonly mayHeal?: boolean
}
