import { isIP } from 'node:net'

/**
 * Writes an IPv4 address plainly if an IPv6 socket shows it as `::ffff:10.0.0.1`. Leaves any other address as it is.
 */
export function plainAddress(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
}

/**
 * The key under which a client's requests count: the user, else the IPv4 address, else the /64 network of the IPv6
 * address. A site has at least a whole /64 (RFC 6177), so all of its addresses are one client.
 */
export function clientKey(address: string, user?: string): string {
  if (user !== undefined) return `user ${user}`
  if (isIP(address) !== 6) return address
  return `${firstFourGroups(address)}::/64`
}

function firstFourGroups(address: string): string {
  const [before = '', after] = address.split('%')[0]!.split('::')
  const head = before.split(':').filter(Boolean)
  const tail = (after ?? '').split(':').filter(Boolean)
  const zeros = after === undefined ? 0 : Math.max(0, 8 - head.length - tail.length)
  const groups = [...head, ...Array<string>(zeros).fill('0'), ...tail]
  return groups
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':')
}
