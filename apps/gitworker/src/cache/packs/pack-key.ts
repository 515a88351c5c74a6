import { createHash } from 'node:crypto'
import type { GitRequest } from '@sluice/shared/git/git-route'
import { influences } from '../../git/protocol-v2.ts'
import type { ProtocolV2Request } from '../../git/protocol-v2.ts'
import { isFilterFixed } from './filter-spec.ts'

/**
 * The key of a pack: a hash of everything that it depends on besides its repository. The repository's part is its state
 * (`ReferenceCache.stateOf`): packs are shared only while that is the same.
 *
 * @param asked the request's body; undefined where it is not in protocol version 2, or too large to be parsed
 * @param build git's version, and everything in its command line that changes a reply
 * @returns undefined if the pack may not be shared: the request is no `fetch`, or names references (`want-ref`, `deepen-not`
 *   and some filters), or is about all of them (`deepen-relative`: git follows only what it reaches from them)
 */
export function packKeyOf(
  request: GitRequest,
  gitDir: string,
  asked: ProtocolV2Request | undefined,
  build: string,
): string | undefined {
  if (request.service !== 'upload-pack' || request.kind !== 'rpc' || request.version !== 2) return undefined
  if (asked?.command !== 'fetch' || !asked.isPlain) return undefined
  const influence = influences(asked)
  if (!influence) return undefined
  const hashDigits = influence.includes('object-format=sha256') ? 64 : 40
  if (!asked.args.every((line) => isIndependent(line, hashDigits))) return undefined
  const parts = [build, gitDir, request.protocol, influence, asked.args]
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64')
}

/** Whether an argument means the same whatever the references are: gitprotocol-v2(5), "fetch". */
function isIndependent(line: string, hashDigits: number): boolean {
  const filter = /^filter (.+)$/s.exec(line)?.[1]
  return filter === undefined ? independent.test(line) : isFilterFixed(filter, hashDigits)
}

const independent =
  /^(?:(?:want|have|shallow) [0-9a-f]{40,64}|done|thin-pack|no-progress|include-tag|ofs-delta|deepen \d+|deepen-since \d+|sideband-all|wait-for-done)$/
