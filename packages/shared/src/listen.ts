import { once } from 'node:events'
import { chmod, mkdir, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import { formatAddress } from './address.ts'
import type { Address } from './address.ts'
import { errnoOf } from './errno.ts'

/**
 * Makes a server listen, and returns the address with the port that it got. A unix socket's folder is created, and a
 * socket that a dead process has left is replaced; only the owner and the group may connect.
 *
 * @throws where somebody else listens there already
 */
export async function listen(server: Server, address: Address): Promise<Address> {
  if (address.kind === 'unix') await makeRoom(address.path)
  server.listen(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port })
  await once(server, 'listening').catch((error: unknown) => {
    throw new Error(`Cannot listen on ${formatAddress(address)}: ${reason(error)}.`, { cause: error })
  })
  if (address.kind === 'tcp') return { ...address, port: (server.address() as AddressInfo).port }
  await chmod(address.path, 0o660)
  return address
}

async function makeRoom(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  if (await somebodyListens(path))
    throw new Error(`Cannot listen on unix:${path}: another process listens there already.`)
  await rm(path, { force: true })
}

function reason(error: unknown): string {
  const code = errnoOf(error)
  return code === 'EADDRINUSE' ? 'another process listens there already' : code || String(error)
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
