import { lookup } from 'node:dns'
import type { LookupAddress, LookupOptions } from 'node:dns'
import { isIP } from 'node:net'
import PQueue from 'p-queue'
import { buildConnector } from 'undici'
import type { Networks } from '@sluice/shared/network/networks'
import { isInner } from './inner-addresses.ts'

/** An address that a receiver must not have. */
export class ForbiddenAddress extends Error {
  override readonly name = 'ForbiddenAddress'

  constructor(address: string) {
    super(
      `${address} is an address inside of the operator’s network: where the receiver may have it, its entry names it in networks`,
    )
  }
}

/** Looking up a name takes a thread of the few that all work with files needs, too. So it takes two at most. */
const looking = new PQueue({ concurrency: 2 })

/**
 * Connects to a receiver, if its address is no inner one, or one that its entry allows. The address that a name was looked up
 * to is the one that is connected to: nobody can put another one in its place in between (DNS rebinding).
 */
export function guardedConnector(networks: Networks, timeout: number): buildConnector.connector {
  const isAllowed = (address: string) => networks.has(address) || !isInner(address)
  const connect = buildConnector({ timeout, allowH2: false, lookup: guardedLookup(isAllowed) })
  return (options, callback) => {
    const host = options.hostname.replace(/^\[|\]$/g, '')
    // An address is not looked up.
    if (isIP(host) !== 0 && !isAllowed(host)) return callback(new ForbiddenAddress(host), null)
    connect(options, (...[error, socket]) => {
      if (error) return callback(error, null)
      const { remoteAddress = 'nowhere' } = socket
      if (isAllowed(remoteAddress)) return callback(null, socket)
      socket.destroy()
      callback(new ForbiddenAddress(remoteAddress), null)
    })
  }
}

type Found = (error: Error | null, addresses: LookupAddress[] | string, family?: number) => void

function guardedLookup(isAllowed: (address: string) => boolean) {
  return (name: string, options: LookupOptions, found: Found): void => {
    void looking.add(async () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      lookup(name, { ...options, all: true }, (error, addresses) => {
        resolve()
        if (error) return found(error, [])
        const allowed = addresses.filter(({ address }) => isAllowed(address))
        const [first] = allowed
        if (!first) return found(new ForbiddenAddress(addresses[0]?.address ?? name), [])
        if (options.all === true) found(null, allowed)
        else found(null, first.address, first.family)
      })
      await promise
    })
  }
}
