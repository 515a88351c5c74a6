import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

/** What a `Host` header, or the host in a URL, names. */
export type HostName = {
  /**
   * In one spelling: lower case, no dot at the end, IDN in ASCII. Addresses are as the URL standard writes them,
   * without brackets.
   */
  readonly name: string
  /** Undefined where there is none, or where it is the default of a scheme: 80 or 443. */
  readonly port: string | undefined
}

/**
 * Reads `name`, `name:port`, `127.0.0.1:`, `[::1]:8080` (RFC 9110 section 7.2), as a browser would (the WHATWG's URL
 * standard): `LOCALHOST.` is `localhost`, `127.1` is `127.0.0.1`, and `[0:0:0:0:0:0:0:1]` is `::1`.
 *
 * @param text a header's value as Node gives it, in Latin-1
 * @returns undefined where it is no host
 */
export function readHostName(text: string): HostName | undefined {
  if (text === '' || text.length > 512 || /[\s/?#@\\%]/.test(text)) return undefined
  const url = `http://${Buffer.from(text, 'latin1').toString()}/`
  if (!URL.canParse(url)) return undefined
  const { hostname, port } = new URL(url)
  const name = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
  return name === '' ? undefined : { name, port: port === '' || port === '443' ? undefined : port }
}

/**
 * Writes a request's `Host`, and `:authority` in HTTP/2, in the one spelling that strict readers take:
 * `[0:0:0:0:0:0:0:1]:8080` and `127.0.0.1:` are valid by RFC 9110, and some libraries refuse them. A header that cannot
 * be read stays as it is.
 */
export function normaliseHost({ headers }: IncomingMessage): void {
  for (const header of ['host', ':authority']) {
    const text = headers[header]
    const host = typeof text === 'string' ? readHostName(text) : undefined
    if (!host) continue
    const name = isIP(host.name) === 6 ? `[${host.name}]` : host.name
    headers[header] = host.port === undefined ? name : `${name}:${host.port}`
  }
}

/** `Host`, or `:authority` in HTTP/2. */
export function hostHeader({ headers }: IncomingMessage): string | undefined {
  const authority = headers[':authority']
  return typeof authority === 'string' ? authority : headers.host
}

/** A set of names: `git.example.org` is one name, `*.example.org` is all names below that one. */
export type HostNames = { has(name: string): boolean }

/** Reads `git.example.org, *.example.org, 192.0.2.1, [2001:db8::1]`. Undefined for anything else. */
export function parseHostNames(text: string): HostNames | undefined {
  const exact = new Set<string>()
  const endings: string[] = []
  for (const part of text.split(',').map((one) => one.trim())) {
    const [, star, rest = ''] = /^(\*\.)?(.+)$/.exec(part) ?? []
    const isBare = isIP(rest) === 6
    const host = readHostName(Buffer.from(isBare ? `[${rest}]` : rest).toString('latin1'))
    const hasPort = !isBare && /:\d*$/.test(rest.replace(/^\[.*\]$/, ''))
    if (host === undefined || hasPort || rest.includes('*')) return undefined
    if (star === undefined) exact.add(host.name)
    else endings.push(`.${host.name}`)
  }
  return { has: (name) => exact.has(name) || endings.some((ending) => name.endsWith(ending)) }
}
