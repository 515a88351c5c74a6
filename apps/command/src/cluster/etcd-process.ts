import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { CommandError } from '../output/failure.ts'
import type { LogFile } from './log-file.ts'
import type { Started } from './kept-process.ts'

const answersWithinMs = 30_000
const lookEveryMs = 50
const shownOfLog = 1000

/** Where a member of etcd listens: host:port each. */
export type EtcdAddresses = { readonly clients: string; readonly peers: string }

/** @throws {CommandError} where there is no etcd */
export function checkEtcd(given: NodeJS.ProcessEnv): void {
  const { status } = spawnSync('etcd', ['--version'], { env: given, stdio: 'ignore' })
  if (status === 0) return
  throw new CommandError(
    'A cluster needs etcd, and there is none on the PATH. On Debian and Ubuntu: apt-get install etcd-server etcd-client',
  )
}

/**
 * Starts an etcd of one member, which keeps its data in the folder, and waits until it answers.
 *
 * @throws {CommandError} where it does not
 */
export async function startEtcd(
  folder: string,
  { clients, peers }: EtcdAddresses,
  given: NodeJS.ProcessEnv,
  log: LogFile,
): Promise<Started> {
  const flags = [
    '--name=etcd',
    `--data-dir=${join(folder, 'etcd')}`,
    `--listen-client-urls=http://${clients}`,
    `--advertise-client-urls=http://${clients}`,
    `--listen-peer-urls=http://${peers}`,
    `--initial-advertise-peer-urls=http://${peers}`,
    `--initial-cluster=etcd=http://${peers}`,
  ]
  const [program, ...args] = [...endsWithParent(given), 'etcd', ...flags] as [string, ...string[]]
  const child = spawn(program, args, {
    env: given,
    detached: true,
    stdio: ['ignore', log.handle.fd, log.handle.fd],
  })
  const exited = once(child, 'exit')
  const failed = exited.then(async () => {
    throw new CommandError(`etcd has ended. Its log ends with:\n${await endOf(log)}`)
  })
  failed.catch(() => {})
  const stop = async () => {
    child.kill('SIGTERM')
    await exited
  }
  try {
    await Promise.race([answers(clients, log), failed])
  } catch (error) {
    await stop()
    throw error
  }
  return { pid: child.pid!, address: clients, operations: undefined, failed, stop, hurry: () => child.kill('SIGTERM') }
}

/** Without a channel to its parent, it learns of its parent's death from the kernel, where setpriv(1) is installed. */
function endsWithParent(given: NodeJS.ProcessEnv): string[] {
  const asking = ['--pdeathsig', 'TERM']
  const { status } = spawnSync('setpriv', [...asking, 'true'], { env: given, stdio: 'ignore' })
  return status === 0 ? ['setpriv', ...asking] : []
}

async function answers(clients: string, log: LogFile): Promise<void> {
  const deadline = performance.now() + answersWithinMs
  while (!(await isHealthy(clients))) {
    if (performance.now() > deadline) {
      throw new CommandError(`etcd does not answer. Another one may use the same folder. ${log.path} says more.`)
    }
    await pause(lookEveryMs)
  }
}

async function isHealthy(clients: string): Promise<boolean> {
  try {
    const reply = await fetch(`http://${clients}/health`, { signal: AbortSignal.timeout(answersWithinMs) })
    await reply.body?.cancel()
    return reply.ok
  } catch {
    return false
  }
}

async function endOf({ path }: LogFile): Promise<string> {
  return (await readFile(path, 'utf8')).slice(-shownOfLog)
}
