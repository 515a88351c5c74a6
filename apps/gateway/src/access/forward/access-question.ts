import { isIP } from 'node:net'
import type { Origin } from '../../client/original-request.ts'
import type { About } from '../authority.ts'
import type { LoginCredentials } from '../credentials.ts'

/**
 * What an access service is told of a request. The headers are those that nginx's auth_request sends to Authelia and
 * oauth2-proxy, and those of Traefik's and Caddy's forward-auth. The gateway makes all of them: a client's own headers
 * of these names are not passed on. The path is the one that was parsed and is sent to the host, so rules about it see
 * what will be opened.
 */
export function questionAbout(
  about: About,
  origin: Origin,
  credentials: LoginCredentials | undefined,
): Record<string, string> {
  const { method, target, needs, address, repository, incoming } = about
  const headers: Record<string, string> = {
    'x-original-url': `${origin.scheme}://${origin.host}${target}`,
    'x-original-method': method,
    'x-original-uri': target,
    'x-forwarded-method': method,
    'x-forwarded-proto': origin.scheme,
    'x-forwarded-host': origin.host,
    'x-forwarded-uri': target,
    // A client of a unix socket has no address, and services accept nothing else in its place.
    ...(isIP(address) !== 0 && { 'x-forwarded-for': address, 'x-real-ip': address }),
    'x-sluice-repository': encodeURIComponent(repository),
    'x-sluice-needs': needs,
    // With these, services answer 401 rather than redirect to a page where a person logs in.
    'x-requested-with': 'XMLHttpRequest',
    'accept': 'application/json',
  }
  if (credentials) headers['authorization'] = credentials.header
  // Authelia looks here, unless it is told to look at Authorization.
  if (credentials) headers['proxy-authorization'] = credentials.header
  if (incoming.headers.cookie !== undefined) headers['cookie'] = incoming.headers.cookie
  return headers
}
