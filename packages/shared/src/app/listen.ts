import { once } from 'node:events'
import { chmod, lstat, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { dirname } from 'node:path'
import { formatAddress } from '../network/address.ts'
import type { Address } from '../network/address.ts'
import { ConfigError, isPassing } from '../config/config-error.ts'
import { errnoOf } from '../machine/errno.ts'
import { makeFolders } from '../machine/make-folders.ts'

export type ListenOptions = {
  /** Whether other processes may listen on the same TCP port, with the kernel sharing out connections. */
  readonly reusePort?: boolean
  /** Whether only the owner may connect to a unix socket, and not its group. */
  readonly isPrivate?: boolean
}

/** How many connections may wait to be accepted; the kernel's own limit (somaxconn) is usually lower. */
const backlog = 4096

/**
 * Makes a server listen, and returns the address with the port that it got. For a unix socket, the folder is created and a
 * socket that a dead process left is replaced; only the owner and the group may connect.
 *
 * @param setting the variable that the address comes from, for messages
 * @throws {ConfigError} where it cannot
 */
export async function listen(
  server: Server,
  address: Address,
  setting: string,
  options: ListenOptions = {},
): Promise<Address> {
  try {
    return await tryToListen(server, address, options)
  } catch (error) {
    const problem = `${setting}: cannot listen on ${formatAddress(address)}: ${wordsFor(error)}.`
    throw new ConfigError([problem], { mayHeal: isPassing(errnoOf(error)) })
  }
}

/** Tries whether `listen` would work with these parameters, and stops at once. @throws {ConfigError} where it would not */
export async function tryListening(...[address, setting, options]: ParametersBehindServer): Promise<void> {
  const server = createServer()
  await listen(server, address, setting, options)
  const closed = once(server, 'close')
  server.close()
  await closed
}

type ParametersBehindServer = Parameters<typeof listen> extends [Server, ...infer Rest] ? Rest : never

async function tryToListen(
  server: Server,
  address: Address,
  { reusePort = false, isPrivate = false }: ListenOptions,
): Promise<Address> {
  if (address.kind === 'unix') await makeRoom(address.path)
  const where = address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port, reusePort }
  // Nobody else may connect before the permissions are set, whatever the umask.
  const mask = address.kind === 'unix' ? process.umask(isPrivate ? 0o177 : 0o117) : undefined
  server.listen({ ...where, backlog })
  if (mask !== undefined) process.umask(mask)
  await once(server, 'listening')
  if (address.kind === 'tcp') return { ...address, port: (server.address() as AddressInfo).port }
  await chmod(address.path, isPrivate ? 0o600 : 0o660)
  return address
}

async function makeRoom(path: string): Promise<void> {
  await makeFolders(dirname(path))
  if (await somebodyListens(path)) throw Object.assign(new Error(path), { code: 'EADDRINUSE' })
  const found = await lstat(path).catch(() => undefined)
  if (found && !found.isSocket()) throw Object.assign(new Error(path), { code: 'ENOTSOCK' })
  await rm(path, { force: true })
}

function wordsFor(error: unknown): string {
  const code = errnoOf(error)
  return words[code] ?? (code || String(error))
}

const words: Record<string, string> = {
  EADDRINUSE: 'another process listens there already; stop it, or choose another address',
  ENOTSOCK: 'there is a file, and it is no socket',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'there is no host of this name',
  EACCES: 'permission denied; choose another address, or start with the rights for this one',
  ENOTDIR: 'a part of the path is not a folder',
  ENOENT: 'the folder for it cannot be made there',
  EEXIST: 'a part of the path is not a folder',
}

function somebodyListens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path })
    probe.on('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.on('error', () => resolve(false))
  })
}
