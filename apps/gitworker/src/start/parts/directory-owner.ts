import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { Stats } from 'node:fs'
import { link, lstat, open, readdir, rename, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { errnoOf } from '@sluice/shared/machine/errno'

/*
 * The owner of a folder is the process that listens on a unix socket in it. A connection that is accepted proves that
 * the owner lives, even in another container with the same volume, where its pid cannot be seen. A pid in a file proves
 * nothing.
 *
 *   no socket        ──link(2), which succeeds for one process only──▶ owned
 *   a dead socket    ──rename(2) to a name of our own, if it is still the socket that was tested──▶ no socket
 *
 * A process that has replaced a dead socket checks a little later whether the link is still its own: another process
 * may have taken it for the dead one.
 */

const name = 'owner.sock'

/** The sockets that owners listen on, and dead ones that were put aside. */
const ownName = /^owner-[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\.(?:sock|dead)$/

/** Far longer than another process needs between the test of a dead socket and its removal. */
const settlingMs = 200

/** Owns a folder until disposed of, or until this process ends. @returns undefined where another process owns it */
export async function ownFolder(folder: string): Promise<AsyncDisposable | undefined> {
  await using opened = new AsyncDisposableStack()
  const own = opened.use(await listenOnSocketIn(folder))
  const mine = await lookAt(`${folder}/${own.name}`)
  let isContested = false
  while (!(await tryToLink(`${folder}/${own.name}`, `${folder}/${name}`))) {
    // The owner has taken it for one that a killed owner had left.
    if (!mine || !(await lookAt(`${folder}/${own.name}`))) return undefined
    isContested = true
    const found = await lookAt(`${folder}/${name}`)
    if (found && (await isAnswered(folder))) return undefined
    if (found && !(await removeDead(folder, found))) return undefined
  }
  // Another process that has just tested the dead socket may remove this one in its place, before it finds out.
  if (isContested) await wait(settlingMs)
  if (!mine || !isSame(mine, await lookAt(`${folder}/${name}`))) return undefined
  opened.defer(() => rm(`${folder}/${name}`, { force: true }))
  await removeLeftSockets(folder, own.name)
  const owning = opened.move()
  return { [Symbol.asyncDispose]: () => owning.disposeAsync() }
}

/** Whether a living process owns the folder. */
export async function isOwned(folder: string): Promise<boolean> {
  return await isAnswered(folder)
}

/**
 * Listens on a socket of a new name. The path of a socket may have about a hundred bytes only, so the folder is opened
 * and named by its descriptor.
 */
async function listenOnSocketIn(folder: string): Promise<AsyncDisposable & { readonly name: string }> {
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
  const parts = opened.move()
  return { name: own, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}

/**
 * Removes the sockets of owners that were killed: nobody listens on them. To be called by the owner:
 * whoever is trying to become it has its socket removed at worst, and finds out that it is late.
 */
async function removeLeftSockets(folder: string, own: string): Promise<void> {
  for (const left of await readdir(folder)) {
    if (!ownName.test(left) || left === own || (await isAnswered(folder, left))) continue
    await rm(`${folder}/${left}`, { force: true })
  }
}

async function isAnswered(folder: string, socket = name): Promise<boolean> {
  const handle = await open(folder, 'r')
  try {
    return await new Promise((resolve) => {
      const probe = connect(`/proc/self/fd/${handle.fd}/${socket}`)
      probe.on('connect', () => {
        probe.destroy()
        resolve(true)
      })
      // EAGAIN: its backlog is full, so it lives.
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
    if (['EEXIST', 'ENOENT'].includes(errnoOf(error))) return false
    throw error
  }
}

/** Removes a dead socket. @returns false where another process has put a new one in its place, which stays */
async function removeDead(folder: string, seen: Stats): Promise<boolean> {
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

/** Whether both are the same socket, under whatever name. Inode numbers are reused, times of birth are not. */
function isSame(one: Stats, other: Stats | undefined): boolean {
  return one.ino === other?.ino && one.birthtimeMs === other.birthtimeMs
}
