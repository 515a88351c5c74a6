import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { killThose, treeOf } from './processes.ts'

export type Daemon = AsyncDisposable & { readonly pid: number; readonly child: ChildProcess }

const politeMs = 3000
const running = new Set<ChildProcess>()

// If this process ends early, nothing that it has started lives on.
process.on('exit', () => killThose(treeOf([...running].map(({ pid }) => pid!))))

/**
 * Starts a program in the foreground, with its output in a file. Disposing ends it and everything that it has started.
 */
export async function startDaemon(options: {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly output: string
  /** With a channel for messages. */
  readonly ipc?: boolean
}): Promise<Daemon> {
  const { command, args, env, output, ipc = false } = options
  await using file = await open(output, 'a')
  const child = spawn(command, args, { env, stdio: ['ignore', file.fd, file.fd, ipc ? 'ipc' : 'ignore'] })
  await Promise.race([
    once(child, 'spawn'),
    once(child, 'error').then(([error]) => Promise.reject(new Error(`${command} does not start`, { cause: error }))),
  ])
  running.add(child)
  child.channel?.unref()
  child.unref()
  return { pid: child.pid!, child, [Symbol.asyncDispose]: () => stop(child) }
}

/** Sends the signal twice, because some programs let running requests finish after the first. */
async function stop(child: ChildProcess): Promise<void> {
  const tree = treeOf([child.pid!])
  child.ref()
  for (const signal of ['SIGTERM', 'SIGTERM', 'SIGKILL'] as const) {
    if (child.exitCode !== null || child.signalCode !== null) break
    const exited = once(child, 'exit')
    child.kill(signal)
    await Promise.race([exited, sleep(politeMs, undefined, { ref: false })])
  }
  killThose(tree)
  running.delete(child)
}

/** Resolves when something listens. @throws if the daemon ends before, or after 10 s */
export async function untilListening(daemon: Daemon, target: { port: number } | { path: string }): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!(await accepts(target))) {
    const { exitCode, signalCode } = daemon.child
    if (exitCode !== null || signalCode !== null) throw new Error(`It ended with ${exitCode ?? signalCode}.`)
    if (performance.now() > deadline) throw new Error('Nothing listened within 10 s.')
    await sleep(20)
  }
}

async function accepts(target: { port: number } | { path: string }): Promise<boolean> {
  const socket = connect('port' in target ? { host: '127.0.0.1', ...target } : target)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
