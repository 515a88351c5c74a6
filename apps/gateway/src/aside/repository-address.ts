import type { IncomingMessage } from 'node:http'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { checkRepositoryName } from '@sluice/shared/git/repository-name'
import { originOf, shownHost } from '../client/original-request.ts'
import type { OriginOptions } from '../client/original-request.ts'

/**
 * The repository that a path names: everything up to the first part that ends in `.git`, or else the whole path. Nothing
 * here knows which repositories exist.
 *
 * @param path decoded, with a slash at the beginning
 * @returns the name as it was written, without slashes around it; empty for the root
 */
export function repositoryIn(path: string): string {
  const parts = path.split('/').filter(Boolean)
  const end = parts.findIndex((part) => /.\.git$/i.test(part))
  return (end < 0 ? parts : parts.slice(0, end + 1)).join('/')
}

/**
 * The address to give to `git clone`.
 *
 * @param name decoded, with or without its ending
 * @throws {Refusal} `bad_name`, `name_too_long`; `bad_address` where the client has written something that is not a host
 */
export function repositoryAddress(incoming: IncomingMessage, name: string, options: OriginOptions): string {
  checkRepositoryName(name)
  const file = /\.git$/i.test(name) ? name : `${name}.git`
  return `${serverAddress(incoming, options)}/${file.split('/').map(encodePart).join('/')}`
}

/**
 * The server's part of that address: `https://git.example.org`. A public address may have a path, which a proxy strips
 * from requests.
 *
 * @throws {Refusal} `bad_address`
 */
export function serverAddress(incoming: IncomingMessage, options: OriginOptions): string {
  const { publicUrl } = options
  if (publicUrl) return `${publicUrl.origin}${publicUrl.pathname.replace(/\/+$/, '')}`
  return `${originOf(incoming, options).scheme}://${hostAsked(incoming, options)}`
}

/**
 * The host that the client itself has asked, as far as that is known here.
 *
 * @throws {Refusal} `bad_address` for what only the URL standard takes for a host, such as `$(id)`: people copy the address
 *   into a shell
 */
export function hostAsked(incoming: IncomingMessage, { trust }: OriginOptions): string {
  const host = shownHost(incoming, trust)
  if (/^[\w.:[\]-]+$/.test(host)) return host
  throw new Refusal('bad_address', { sentence: 'The Host header is not valid: it must be a host name or an address.' })
}

/** Encodes as RFC 3986 does, which leaves nothing that has a meaning to a shell. */
function encodePart(part: string): string {
  return encodeURIComponent(part).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
}
