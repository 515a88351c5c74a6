import { BlockList, isIP } from 'node:net'

/** A set of addresses: single ones, networks in CIDR notation, and the clients of a unix socket. */
export class Networks {
  readonly #list = new BlockList()
  readonly #hasUnix: boolean

  constructor(hasUnix: boolean) {
    this.#hasUnix = hasUnix
  }

  add(address: string, prefix: number | undefined): void {
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (prefix === undefined) this.#list.addAddress(address, family)
    else this.#list.addSubnet(address, prefix, family)
  }

  /** @param address an IP address; undefined stands for the other end of a unix socket */
  has(address: string | undefined): boolean {
    if (address === undefined) return this.#hasUnix
    const version = isIP(address)
    return version !== 0 && this.#list.check(address, version === 6 ? 'ipv6' : 'ipv4')
  }
}

/** Reads `none`, or a list such as `10.0.0.0/8, ::1, unix`. Undefined for anything else. */
export function parseNetworks(text: string): Networks | undefined {
  const parts = text === 'none' ? [] : text.split(',').map((part) => part.trim())
  const networks = new Networks(parts.includes('unix'))
  for (const part of parts) {
    if (part === 'unix') continue
    const [, address = '', , digits] = /^([0-9a-f:.]+)(\/(\d{1,3}))?$/i.exec(part) ?? []
    const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
    const prefix = digits === undefined ? undefined : Number(digits)
    if (bits < 0 || (prefix ?? 0) > bits) return undefined
    networks.add(address, prefix)
  }
  return networks
}
