import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

/**
 * An address of this machine with the same port at each start, so that what knows it works again, such as an open tab.
 * With any free port if another process uses that one.
 */
export async function usualAddress(usualPort: number): Promise<string> {
  return `127.0.0.1:${(await freePort(usualPort)) ?? (await freePort(0)) ?? 0}`
}

/** @param port 0: any @returns undefined if it is taken */
function freePort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.on('error', () => resolve(undefined))
    probe.listen(port, '127.0.0.1', () => {
      const { port: free } = probe.address() as AddressInfo
      probe.close(() => resolve(free))
    })
  })
}
