import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { basename, dirname } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { errnoOf } from '@sluice/shared/machine/errno'
import { FileProblem } from './file-problem.ts'

const tryEveryMs = 20
/** Dozens of commands at once take turns within it, even where processes start slowly. */
const usualWaitMs = 30_000

/**
 * Waits until no other command of this machine changes the same file. The lock is the name of a unix socket that is in
 * no file system (unix(7), "abstract"). The kernel frees it with the process, however that ends, so it is never left
 * behind. A container with a network of its own does not see it: see changed-file.ts for those.
 *
 * @throws {FileProblem} where another command holds the lock for longer than so many milliseconds
 */
export async function lockFile(path: string, longestWaitMs = usualWaitMs): Promise<AsyncDisposable> {
  const name = await nameFor(path)
  for (const deadline = performance.now() + longestWaitMs; ;) {
    const lock = await tryLock(name)
    if (lock) return lock
    if (performance.now() > deadline) {
      throw new FileProblem(
        `Another command has been changing ${path} for more than ${longestWaitMs / 1000} seconds: see whether it hangs.`,
      )
    }
    await wait(tryEveryMs)
  }
}

/** The same for every path that leads to the file. */
async function nameFor(path: string): Promise<string> {
  const { dev, ino } = await stat(dirname(path), { bigint: true })
  const digest = createHash('sha256')
    .update(`${dev} ${ino} ${basename(path)}`)
    .digest('hex')
  return `\0sluice-file-${digest.slice(0, 40)}`
}

async function tryLock(name: string): Promise<AsyncDisposable | undefined> {
  const server = createServer((connection) => connection.destroy())
  const { promise, resolve, reject } = Promise.withResolvers<boolean>()
  server.once('error', (error) => (errnoOf(error) === 'EADDRINUSE' ? resolve(false) : reject(error)))
  server.listen(name, () => resolve(true))
  if (!(await promise)) return undefined
  return {
    [Symbol.asyncDispose]: () => new Promise<void>((closed) => void server.close(() => closed())),
  }
}
