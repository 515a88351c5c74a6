import type { IncomingMessage } from 'node:http'
import { isGitAddress, splitTarget } from '@sluice/shared/git/git-route'
import { isLfsAddress } from '@sluice/shared/lfs/lfs-request'
import { isPreflight } from '../client/cross-origin.ts'
import { prefersHtml } from './accept.ts'

/** A request that is neither git's smart HTTP nor LFS's. A path is decoded and begins with a slash. */
export type Aside =
  | { readonly kind: 'preflight' }
  | { readonly kind: 'archive' }
  | { readonly kind: 'go-import'; readonly path: string }
  | { readonly kind: 'page'; readonly path: string }

/**
 * @returns undefined for git's addresses and LFS's, and for addresses of nothing at all: `parseGitRequest` says what is wrong with those
 * @throws {Refusal} `bad_address`
 */
export function asideOf(incoming: IncomingMessage): Aside | undefined {
  const { method, url = '', headers } = incoming
  const { path, query } = splitTarget(url)
  if (isGitAddress(path) || isLfsAddress(path)) return isPreflight(incoming) ? { kind: 'preflight' } : undefined
  if (/[^/]\/git-upload-archive$/.test(path)) return { kind: 'archive' }
  if (method !== 'GET' && method !== 'HEAD') return undefined
  if (new URLSearchParams(query).get('go-get') === '1') return { kind: 'go-import', path }
  return prefersHtml(headers.accept) ? { kind: 'page', path } : undefined
}
