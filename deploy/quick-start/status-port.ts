import { createServer } from 'node:net'

/** So that a tab that shows the status page stays right from one start to the next. */
const usualPort = 8081

/** Where the status page is: as a rule at the same port; any free one beside another quick start. */
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
