import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

/** Above those that clients refuse to connect to (https://fetch.spec.whatwg.org/#port-blocking). */
const lowest = 11_000
const mostTries = 100
const given = new Set<number>()

/**
 * A TCP port of the loopback that nobody listens on, for programs that cannot report which one the kernel gave them, and
 * for those that come back to their port. The kernel never gives it away by itself: neither to a connection nor to who
 * listens on port 0.
 */
export async function freePort(): Promise<number> {
  const end = await firstOfKernel()
  const tries = end > 2 * lowest ? mostTries : 0
  for (let tried = 0; tried < tries; tried++) {
    const port = randomInt(lowest, end)
    if (given.has(port) || (await portOnceOpen(port)) === undefined) continue
    given.add(port)
    return port
  }
  return (await portOnceOpen(0))!
}

/** The first of the ports that the kernel gives away (ip(7)). */
async function firstOfKernel(): Promise<number> {
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '')
  return Number.parseInt(range, 10) || 0
}

/** @returns undefined: somebody has it */
async function portOnceOpen(port: number): Promise<number | undefined> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return undefined
  }
  const { port: opened } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return opened
}
