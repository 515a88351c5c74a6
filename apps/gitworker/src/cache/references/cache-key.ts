import type { GitRequest } from '@sluice/shared/git/git-route'
import { influences } from '../../git/protocol-v2.ts'
import type { ProtocolV2Request } from '../../git/protocol-v2.ts'
import type { Trait } from '../fingerprint/fingerprint.ts'
import { lsRefsKey } from './ls-refs.ts'

/** What a reply about references depends on. */
export type CacheKey = {
  /** The real path of the repository: the same one whatever name led to it. */
  readonly gitDir: string
  /** What of the repository the reply depends on: its configuration alone, or its references too. */
  readonly kind: 'capabilities' | 'refs'
  /** Everything else that the reply depends on. */
  readonly variant: string
  /** If the repository has any of these traits, git does not give the same reply twice. */
  readonly uncacheableBecause: readonly Trait[]
}

/**
 * The key of a request whose reply may be kept. The user is not part of it: git's replies do not depend on the user,
 * and hooks run for pushes and packs only.
 *
 * @param asked a POST's body; undefined if it is not in protocol version 2, or too large to be parsed
 * @param build git's version, and everything in its command line and environment that changes a reply; not the
 *   repository's own configuration, which every look-up checks
 * @param bundle what git is told of a bundle for this request, as text; undefined where it is told of none
 * @returns undefined for every other request
 */
export function cacheKeyOf(
  request: GitRequest,
  gitDir: string,
  asked: ProtocolV2Request | undefined,
  build: string,
  bundle?: string,
): CacheKey | undefined {
  if (request.kind === 'advertisement') return advertisement(request, gitDir, build, bundle)
  if (bundle !== undefined) return bundleUri(request, gitDir, asked, build, bundle)
  return lsRefs(request, gitDir, asked, build)
}

function advertisement({ service, version }: GitRequest, gitDir: string, build: string, bundle?: string): CacheKey {
  const variant = JSON.stringify([build, service, version, bundle])
  // gitprotocol-v2(5): the advertisement has capabilities only, and `ls-refs` lists references. Pushes have no version 2,
  // and are shown references even if they ask for it.
  const kind = service === 'upload-pack' && version === 2 ? 'capabilities' : 'refs'
  return { gitDir, kind, variant, uncacheableBecause: traitsShownBy[service] }
}

/** The traits that show in the advertisement of a service. */
const traitsShownBy = {
  'upload-pack': ['session-id'],
  'receive-pack': ['session-id', 'push-certificate', 'alternates'],
} as const

function lsRefs(
  { service, version, protocol }: GitRequest,
  gitDir: string,
  asked: ProtocolV2Request | undefined,
  build: string,
): CacheKey | undefined {
  if (service !== 'upload-pack' || version !== 2) return undefined
  const lines = lsRefsKey(asked)
  if (lines === undefined) return undefined
  return { gitDir, kind: 'refs', variant: JSON.stringify([build, 'ls-refs', protocol, lines]), uncacheableBecause: [] }
}

/** gitprotocol-v2(5), "bundle-uri": it has no arguments. Whether there is a bundle for clients depends on references. */
function bundleUri(
  { protocol }: GitRequest,
  gitDir: string,
  asked: ProtocolV2Request | undefined,
  build: string,
  bundle: string,
): CacheKey | undefined {
  const influence = asked?.command === 'bundle-uri' && asked.isPlain && influences(asked)
  if (!influence || asked.args.length > 0) return undefined
  const variant = JSON.stringify([build, 'bundle-uri', protocol, influence, bundle])
  return { gitDir, kind: 'refs', variant, uncacheableBecause: [] }
}
