import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { EndedError } from '@sluice/shared/app/run-app'
import { CommandError } from '../output/failure.ts'
import { ChildEnd } from '../start/child-end.ts'
import type { Ending } from '../start/child-end.ts'
import type { LogFile } from './log-file.ts'
import type { Started } from './kept-process.ts'

const answersWithinMs = 30_000
const lookEveryMs = 50
/** It keeps what it has acknowledged, however it ends. */
const stopsWithinMs = 5000
/** As old as it may be: major, minor. */
const oldest = [3, 4] as const
const howToInstall = 'On Debian and Ubuntu: apt-get install etcd-server etcd-client'

/** Where a member of etcd listens: host:port each. */
export type EtcdAddresses = { readonly clients: string; readonly peers: string }

/** @throws {CommandError} where there is no etcd, or an old one */
export function checkEtcd(given: NodeJS.ProcessEnv): void {
  const { status, stdout } = spawnSync('etcd', ['--version'], { env: etcdEnvironment(given), encoding: 'utf8' })
  if (status !== 0) throw new CommandError(`A cluster needs etcd, and there is none on the PATH. ${howToInstall}`)
  const found = /etcd Version: (\d+)\.(\d+)\S*/.exec(stdout)
  if (!found) return
  const [version, major, minor] = [found[0].replace(/^.*: /, ''), Number(found[1]), Number(found[2])]
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return
  throw new CommandError(`A cluster needs etcd ${oldest.join('.')} or newer. The one on the PATH is ${version}.`)
}

/**
 * Starts an etcd of one member, which keeps its data in the folder, and waits until it answers.
 *
 * @throws {CommandError | EndedError} where it does not
 */
export async function startEtcd(
  folder: string,
  { clients, peers }: EtcdAddresses,
  given: NodeJS.ProcessEnv,
  log: LogFile,
  ending: Ending,
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
    env: etcdEnvironment(given),
    detached: true,
    stdio: ['ignore', log.handle.fd, log.handle.fd],
  })
  const end = new ChildEnd(child)
  const following = end.follow(ending)
  const failed = end.exited.then((code) => {
    throw new EndedError('etcd', code || 1)
  })
  failed.catch(() => {})
  const hasEnded = new AbortController()
  failed.catch(() => hasEnded.abort())
  try {
    await Promise.race([answers(clients, hasEnded.signal), failed])
  } catch (error) {
    await end.stop(stopsWithinMs)
    throw error
  }
  // In a hurry, hosts still need it for a moment.
  following.forget()
  const stop = () => end.stop(stopsWithinMs)
  return { pid: child.pid!, address: clients, operations: undefined, failed, stop }
}

/** Without ETCD_*: etcd refuses to start where a variable and a flag say the same. */
function etcdEnvironment(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(given).filter(([name]) => !name.startsWith('ETCD_')))
}

/** Without a channel to its parent, it learns of its parent's death from the kernel, where setpriv(1) is installed. */
function endsWithParent(given: NodeJS.ProcessEnv): string[] {
  const asking = ['--pdeathsig', 'TERM']
  const { status } = spawnSync('setpriv', [...asking, 'true'], { env: given, stdio: 'ignore' })
  return status === 0 ? ['setpriv', ...asking] : []
}

async function answers(clients: string, hasEnded: AbortSignal): Promise<void> {
  const deadline = performance.now() + answersWithinMs
  while (!(await isHealthy(clients, hasEnded)) && !hasEnded.aborted) {
    if (performance.now() > deadline) {
      throw new CommandError('etcd does not answer. Another one may use the same folder.')
    }
    await pause(lookEveryMs)
  }
  hasEnded.throwIfAborted()
}

async function isHealthy(clients: string, hasEnded: AbortSignal): Promise<boolean> {
  try {
    const signal = AbortSignal.any([hasEnded, AbortSignal.timeout(answersWithinMs)])
    const reply = await fetch(`http://${clients}/health`, { signal })
    await reply.body?.cancel()
    return reply.ok
  } catch {
    return false
  }
}
