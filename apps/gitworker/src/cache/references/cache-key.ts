import type { GitRequest } from '@sluice/shared/git/git-route'
import type { ProtocolV2Request } from '../../git/protocol-v2.ts'
import type { Question } from './reference-cache.ts'
import { lsRefsKey } from './ls-refs.ts'

/**
 * The question that a request puts, if it is one whose answer may be kept. Nobody's identity is in it: no configuration
 * makes git's answers depend on who asks, and its hooks run for pushes and packs only.
 *
 * @param asked a POST's body; undefined where it is not in protocol version 2, or too large to be parsed
 * @param build git's version, and what of its command line and environment changes an answer; not what the repository's
 *   own configuration says, which is looked at each time
 */
export function questionOf(
  request: GitRequest,
  gitDir: string,
  asked: ProtocolV2Request | undefined,
  build: string,
): Question | undefined {
  return request.kind === 'advertisement'
    ? advertisement(request, gitDir, build)
    : lsRefs(request, gitDir, asked, build)
}

function advertisement({ service, version }: GitRequest, gitDir: string, build: string): Question {
  const key = JSON.stringify([build, service, version])
  // gitprotocol-v2(5): capabilities only, and refs on request. A push has no version 2 and shows refs all the same.
  const kind = service === 'upload-pack' && version === 2 ? 'capabilities' : 'refs'
  return { gitDir, kind, key, spoiltBy: spoilers[service] }
}

const spoilers = {
  'upload-pack': ['session-id'],
  'receive-pack': ['session-id', 'push-certificate', 'alternates'],
} as const

function lsRefs(
  { service, version, protocol }: GitRequest,
  gitDir: string,
  asked: ProtocolV2Request | undefined,
  build: string,
): Question | undefined {
  if (service !== 'upload-pack' || version !== 2) return undefined
  const lines = lsRefsKey(asked)
  if (lines === undefined) return undefined
  return { gitDir, kind: 'refs', key: JSON.stringify([build, 'ls-refs', protocol, lines]), spoiltBy: [] }
}
