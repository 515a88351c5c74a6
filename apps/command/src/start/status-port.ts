import { createServer } from 'node:net'

/** The same port at each start, so that an open tab with the status page works again. */
const usualPort = 8081

/** The address of the status page: the usual port, or any free one if another quick start uses that. */
export async function statusAddress(): Promise<string> {
  return `127.0.0.1:${(await isFree(usualPort)) ? usualPort : 0}`
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.on('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
