import { createHash } from 'node:crypto'
import type { GitRequest } from '@sluice/shared/git/git-route'
import { influenceOf, readCommandRequest } from '../../git/protocol-v2.ts'
import { isFilterFixed } from './filter-spec.ts'

/**
 * What a pack depends on that the repository does not say, as a key of bounded size; undefined if it is not one that may be
 * shared: not a `fetch` in protocol version 2, or one that names references (`want-ref`, `deepen-not`, a filter's). What the
 * repository says is its state (`AnswerCache.stateOf`): a pack is another one's only while that is the same.
 *
 * @param body all of the request's body, inflated, or undefined
 * @param build git's version, and what of its command line changes an answer
 */
export function packKeyOf(
  request: GitRequest,
  gitDir: string,
  body: Buffer | undefined,
  build: string,
): string | undefined {
  if (request.service !== 'upload-pack' || request.kind !== 'rpc' || request.version !== 2 || !body) return undefined
  const read = readCommandRequest(body)
  if (read?.command !== 'fetch') return undefined
  const influences = read.capabilities.map(influenceOf)
  if (influences.includes(undefined)) return undefined
  const hashDigits = influences.includes('object-format=sha256') ? 64 : 40
  if (!read.args.every((line) => isIndependent(line, hashDigits))) return undefined
  const parts = [build, gitDir, request.protocol, influences.filter(Boolean), read.args]
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64')
}

/** gitprotocol-v2(5), "fetch": whether an argument means the same whatever the references are. */
function isIndependent(line: string, hashDigits: number): boolean {
  const filter = /^filter (.+)$/s.exec(line)?.[1]
  return filter === undefined ? independent.test(line) : isFilterFixed(filter, hashDigits)
}

const independent =
  /^(?:(?:want|have|shallow) [0-9a-f]{40,64}|done|thin-pack|no-progress|include-tag|ofs-delta|deepen \d+|deepen-relative|deepen-since \d+|sideband-all|wait-for-done)$/
