import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { on } from 'node:events'
import { nodeFlags } from '@sluice/shared/app/node-flags'
import { EndedError } from '@sluice/shared/app/run-app'
import { ChildEnd } from './child-end.ts'
import type { Ending } from './child-end.ts'

/** An application in a process of its own, until it is stopped or disposed of. */
export type AppProcess = AsyncDisposable & {
  readonly pid: number
  /** Where it listens: host:port, or unix:/path. */
  readonly address: string
  /** Where it serves its operators, if anywhere. */
  readonly operations: string | undefined
  /** Never resolves; rejects if the application ends without having been told to. */
  readonly failed: Promise<never>
  /** Lets it finish its requests. Resolves when it has ended. */
  stop(): Promise<void>
  /** Ends it at once. */
  hurry(): void
}

/**
 * Starts an application and waits until it listens. It has a session of its own, so a terminal's Ctrl-C reaches only
 * the quick start, which stops its applications in order. It also has a channel: when the channel closes, the
 * application knows that the quick start is gone.
 *
 * @param log where its log goes: to one of the streams of this process, or to a file by its descriptor
 * @param ending when to give up the start, and when to end at once what has been started
 * @throws {EndedError} if it ends before it listens; it has printed why
 */
export async function startApp(
  name: string,
  main: string,
  env: NodeJS.ProcessEnv,
  log: 'stdout' | 'stderr' | number,
  ending?: Ending,
): Promise<AppProcess> {
  const child = spawn(process.execPath, [...nodeFlags, main], {
    env,
    detached: true,
    stdio: ['ignore', typeof log === 'number' ? log : log === 'stdout' ? 1 : 2, 2, 'ipc'],
  })
  const end = new ChildEnd(child)
  const early = end.exited.then((code) => {
    throw new EndedError(name, code || 1)
  })
  early.catch(() => {})
  const following = ending && end.follow(ending)
  const { address, operations } = await Promise.race([listens(child), early])
  following?.started()

  const failed = early.catch((error: unknown) => {
    if (end.isStopping) return new Promise<never>(() => {})
    throw error
  })
  failed.catch(() => {})
  const stop = () => end.stop()
  const hurry = () => end.hurry()
  return { pid: child.pid!, address, operations, failed, stop, hurry, [Symbol.asyncDispose]: stop }
}

/** Waits for the message of `announceListening`. With --watch, node sends other messages, too. */
async function listens(child: ChildProcess): Promise<{ address: string; operations?: string }> {
  for await (const [message] of on(child, 'message')) {
    if ((message as { type?: unknown })?.type === 'listening')
      return message as { address: string; operations?: string }
  }
  throw new Error('The channel of messages has ended.')
}
