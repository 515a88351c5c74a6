/** Where a server listens or is found. */
export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }

/** sockaddr_un.sun_path has 108 bytes, of which the last is the terminator (unix(7)). */
const maxSocketPathBytes = 107

/** Reads `unix:/path` or `host:port` (`[::1]:8080` for IPv6). Undefined for anything else. */
export function parseAddress(text: string): Address | undefined {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length)
    const fits = path.startsWith('/') && Buffer.byteLength(path) <= maxSocketPathBytes && !path.includes('\0')
    return fits ? { kind: 'unix', path } : undefined
  }
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  return host !== undefined && port <= 65_535 ? { kind: 'tcp', host, port } : undefined
}

export function formatAddress(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `${host}:${address.port}`
}
