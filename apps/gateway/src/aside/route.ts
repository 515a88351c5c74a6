import type { IncomingMessage } from 'node:http'
import { isGitAddress, splitTarget } from '@sluice/shared/git/git-route'
import { isPreflight } from '../client/cross-origin.ts'
import { prefersHtml } from './accept.ts'

/** A request that is not git's smart HTTP. A path is decoded and begins with a slash. */
export type Aside =
  | { readonly kind: 'preflight' }
  | { readonly kind: 'lfs' }
  | { readonly kind: 'archive' }
  | { readonly kind: 'go-import'; readonly path: string }
  | { readonly kind: 'page'; readonly path: string }

/**
 * @returns undefined for git's addresses, and for addresses of nothing at all: `parseGitRequest` says what is wrong with those
 * @throws {Refusal} `bad_address`
 */
export function asideOf(incoming: IncomingMessage): Aside | undefined {
  const { method, url = '', headers } = incoming
  const { path, query } = splitTarget(url)
  if (isGitAddress(path)) return isPreflight(incoming) ? { kind: 'preflight' } : undefined
  if (/[^/]\/info\/lfs(?:\/|$)/.test(path)) return { kind: 'lfs' }
  if (/[^/]\/git-upload-archive$/.test(path)) return { kind: 'archive' }
  if (method !== 'GET' && method !== 'HEAD') return undefined
  if (new URLSearchParams(query).get('go-get') === '1') return { kind: 'go-import', path }
  return prefersHtml(headers.accept) ? { kind: 'page', path } : undefined
}
