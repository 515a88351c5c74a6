import type { IncomingMessage } from 'node:http'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { checkRepositoryName } from '@sluice/shared/git/repository-name'
import { originOf, shownHost } from '../client/original-request.ts'
import type { OriginOptions } from '../client/original-request.ts'

/**
 * What a path says of a repository: all up to its first part that ends in `.git`, or all of it. Nothing here knows which
 * repositories there are.
 *
 * @param path decoded, with a slash at its beginning
 * @returns the name as it was written, without slashes around it; empty for the root
 */
export function repositoryIn(path: string): string {
  const parts = path.split('/').filter(Boolean)
  const end = parts.findIndex((part) => /.\.git$/i.test(part))
  return (end < 0 ? parts : parts.slice(0, end + 1)).join('/')
}

/**
 * The address by which git finds a repository.
 *
 * @param name decoded, with or without its ending
 * @throws {Refusal} `bad_name`, `name_too_long`; `bad_address` where the client has written something else than a host
 */
export function repositoryAddress(incoming: IncomingMessage, name: string, options: OriginOptions): string {
  checkRepositoryName(name)
  const file = /\.git$/i.test(name) ? name : `${name}.git`
  return `${serverAddress(incoming, options)}/${file.split('/').map(encodePart).join('/')}`
}

/**
 * The same of the server: `https://git.example.org`. A path of the public address is one that a proxy takes off.
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
 * @throws {Refusal} `bad_address` for what is a host to the URL standard only, such as `$(id)`: it would be copied into a shell
 */
export function hostAsked(incoming: IncomingMessage, { trust }: OriginOptions): string {
  const host = shownHost(incoming, trust)
  if (/^[\w.:[\]-]+$/.test(host)) return host
  throw new Refusal('bad_address', { sentence: 'The Host header is not valid: it must be a host name or an address.' })
}

/** In the form of RFC 3986, in which nothing means anything to a shell. */
function encodePart(part: string): string {
  return encodeURIComponent(part).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
}
