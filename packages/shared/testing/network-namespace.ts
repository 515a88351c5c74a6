import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

/*
 * Machines of a test's own: network namespaces (network_namespaces(7)) on one bridge, between which packets can be dropped.
 * The test runs in a namespace itself, so that nothing of the machine's own network changes. A namespace has no name, and is
 * gone with the last process in it.
 */

const network = '10.77.0'

/** The address from which a test speaks to the namespaces, and another one of the same namespace, for what it serves to them. */
export const ownAddress = `${network}.1`
export const servedAddress = `${network}.254`

/** Why tests with network namespaces cannot run here; undefined if they can. */
export function noNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can make network namespaces'
  const missing = ['ip', 'iptables', 'nsenter', 'unshare'].filter((program) => spawnSync(program, ['-V']).error)
  if (missing.length > 0) return `not installed: ${missing.join(', ')} (Debian: iproute2, iptables, util-linux)`
  const tried = spawnSync('unshare', ['--net', 'sh', '-c', 'ip link add type bridge && iptables -A INPUT -j DROP'])
  return tried.status === 0 ? undefined : 'this machine does not allow network namespaces'
}

/** Puts another program into a namespace of its own, for a test that then calls `openBridge`. */
export const inOwnNamespace = ['unshare', '--net', '--'] as const

/** Makes the bridge to which all namespaces are joined. Called once, in a namespace of its own. */
export function openBridge(): void {
  run(['ip', 'link', 'set', 'lo', 'up'])
  run(['ip', 'link', 'add', 'bridge', 'type', 'bridge'])
  for (const address of [ownAddress, servedAddress]) run(['ip', 'address', 'add', `${address}/24`, 'dev', 'bridge'])
  run(['ip', 'link', 'set', 'bridge', 'up'])
}

export type Namespace = AsyncDisposable & {
  readonly address: string
  /** Before a program and its arguments: runs it in here. */
  readonly within: readonly string[]
  /** From now on, no packet comes from there, or gets there. The connections do not hear of it. */
  cutFrom(address: string): void
  mend(): void
}

/** @param number 2 to 253, another one for each */
export async function openNamespace(number: number): Promise<Namespace> {
  const holder = spawn('unshare', ['--net', '--', 'sh', '-c', 'echo here; exec sleep infinity'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(holder, 'exit')
  await once(holder.stdout, 'data')
  const address = `${network}.${number}`
  const within = ['nsenter', `--net=/proc/${holder.pid}/ns/net`, '--']
  run(['ip', 'link', 'add', `to-${number}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(holder.pid)])
  run(['ip', 'link', 'set', `to-${number}`, 'master', 'bridge', 'up'])
  run([...within, 'ip', 'link', 'set', 'lo', 'up'])
  run([...within, 'ip', 'address', 'add', `${address}/24`, 'dev', 'eth0'])
  run([...within, 'ip', 'link', 'set', 'eth0', 'up'])
  return {
    address,
    within,
    cutFrom(other) {
      run([...within, 'iptables', '-A', 'INPUT', '-s', other, '-j', 'DROP'])
      run([...within, 'iptables', '-A', 'OUTPUT', '-d', other, '-j', 'DROP'])
    },
    mend: () => run([...within, 'iptables', '-F']),
    async [Symbol.asyncDispose]() {
      holder.kill('SIGKILL')
      await ended
    },
  }
}

function run([program, ...args]: readonly string[]): void {
  const { status, stderr } = spawnSync(program!, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
}
