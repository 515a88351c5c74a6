import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { Stats } from 'node:fs'
import { link, lstat, open, rename, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { errnoOf } from '@sluice/shared/machine/errno'

/*
 * Who owns a folder: whoever listens on a unix socket in it. That a connection is accepted proves that somebody lives, also
 * one whose pid is not to be seen from here, in another container with the same volume. A number in a file proves neither
 * that nor the opposite.
 *
 *   nothing there ──link(2), which only one can make──▶ owned
 *   a dead one's  ──rename(2) to a name of our own; is it the one that was looked at?──▶ nothing there
 *
 * Who has made the link after a dead one was there looks once more, a little later, whether it still is theirs.
 */

const name = 'owner.sock'

/** Far longer than it takes from a look at a dead owner's socket to its removal. */
const settlingMs = 200

/** Owned until it is disposed of, or this process ends. @returns undefined where somebody else owns it */
export async function ownFolder(folder: string): Promise<AsyncDisposable | undefined> {
  await using opened = new AsyncDisposableStack()
  const own = opened.use(await listenIn(folder))
  const mine = await lstat(`${folder}/${own.name}`)
  let isContested = false
  while (!(await tryToLink(`${folder}/${own.name}`, `${folder}/${name}`))) {
    isContested = true
    const found = await lookAt(`${folder}/${name}`)
    if (found && (await isAnswered(folder))) return undefined
    if (found && !(await takeAway(folder, found))) return undefined
  }
  // Another one that starts just now, and has seen the dead one, may take this one away for it before it finds out.
  if (isContested) await wait(settlingMs)
  if (!isSame(mine, await lookAt(`${folder}/${name}`))) return undefined
  opened.defer(() => rm(`${folder}/${name}`, { force: true }))
  const owning = opened.move()
  return { [Symbol.asyncDispose]: () => owning.disposeAsync() }
}

/** Whether somebody owns it. */
export async function isOwned(folder: string): Promise<boolean> {
  return await isAnswered(folder)
}

/** Paths of sockets have some hundred bytes at most; by way of an open folder, that folder's own do not count. */
async function listenIn(folder: string): Promise<AsyncDisposable & { readonly name: string }> {
  await using opened = new AsyncDisposableStack()
  const handle = await open(folder, 'r')
  opened.defer(() => handle.close())
  const own = `owner-${randomUUID()}.sock`
  const server = createServer((connection) => connection.destroy())
  server.unref()
  server.listen(`/proc/self/fd/${handle.fd}/${own}`)
  await once(server, 'listening')
  opened.defer(async () => {
    const closed = once(server, 'close')
    server.close()
    await closed
    await rm(`${folder}/${own}`, { force: true })
  })
  const listening = opened.move()
  return { name: own, [Symbol.asyncDispose]: () => listening.disposeAsync() }
}

async function isAnswered(folder: string): Promise<boolean> {
  const handle = await open(folder, 'r')
  try {
    return await new Promise((resolve) => {
      const probe = connect(`/proc/self/fd/${handle.fd}/${name}`)
      probe.on('connect', () => {
        probe.destroy()
        resolve(true)
      })
      // EAGAIN: it has as many waiting as it may, and so it lives.
      probe.on('error', (error) => resolve(errnoOf(error) === 'EAGAIN'))
    })
  } finally {
    await handle.close()
  }
}

async function tryToLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

/** @returns whether what was taken away is what was looked at, and not a new owner's, which is put back */
async function takeAway(folder: string, seen: Stats): Promise<boolean> {
  const aside = `${folder}/owner-${randomUUID()}.dead`
  const now = await lookAt(`${folder}/${name}`)
  if (now && !isSame(seen, now)) return false
  try {
    await rename(`${folder}/${name}`, aside)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return true
    throw error
  }
  const isTheSame = isSame(seen, await lookAt(aside))
  if (!isTheSame) await tryToLink(aside, `${folder}/${name}`)
  await rm(aside, { force: true })
  return isTheSame
}

async function lookAt(path: string): Promise<Stats | undefined> {
  return await lstat(path).catch(() => undefined)
}

/** Whether two looks met the same socket, under whatever name. Inode numbers come round again; births do not. */
function isSame(one: Stats, other: Stats | undefined): boolean {
  return one.ino === other?.ino && one.birthtimeMs === other.birthtimeMs
}
