import { parseNetworks } from './networks.ts'

/**
 * RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3. An IPv4 address that IPv6 wraps (`::ffff:127.0.0.1`) is in it, too.
 */
const addresses = parseNetworks('127.0.0.0/8, ::1')!

/** RFC 6761 section 6.3: these names never mean another machine, whatever a DNS server says. */
const names = /^(?:[^/]+\.)?localhost\.?$/i

/**
 * Whether a host means this machine and nothing else: an address of the loopback, `localhost` or a name below it. This
 * is the only place that decides it: for the addresses that the applications listen on, and for the hosts that requests
 * name.
 *
 * @param host a name, or an address without brackets, in any spelling that `isIP` knows
 */
export function isLoopback(host: string): boolean {
  return names.test(host) || addresses.has(host)
}
