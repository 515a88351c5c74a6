import { BlockList, isIP } from 'node:net'

/*
 * Addresses that no receiver has unless its entry names them, so that nobody can make this host ask what only it can reach.
 * IPv4: the IANA registry of special-purpose addresses, multicast, and what is reserved. IPv6: everything but global unicast
 * (2000::/3), and of that what is special (RFC 6890) or leads to an IPv4 address (6to4, Teredo).
 */

const special = new BlockList()

for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  special.addSubnet(network, prefix, 'ipv4')
}

for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  special.addSubnet(network, prefix, 'ipv6')
}

const globalUnicast = new BlockList()
globalUnicast.addSubnet('2000::', 3, 'ipv6')

/** An IPv4 address in IPv6's form. */
const mapped = new BlockList()
mapped.addSubnet('::ffff:0:0', 96, 'ipv6')

/** Whether an address may be one of the operator's own network. What is no address counts as one. */
export function isInner(address: string): boolean {
  const version = isIP(address)
  if (version === 4) return special.check(address, 'ipv4')
  if (version !== 6) return true
  const plain = address.split('%')[0]!
  // The rules for IPv4 hold for these, too.
  if (mapped.check(plain, 'ipv6')) return special.check(plain, 'ipv6')
  return !globalUnicast.check(plain, 'ipv6') || special.check(plain, 'ipv6')
}
