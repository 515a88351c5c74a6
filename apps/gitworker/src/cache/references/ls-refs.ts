import { influences } from '../../git/protocol-v2.ts'
import type { ProtocolV2Request } from '../../git/protocol-v2.ts'

/**
 * The parts of a request that the reply to `ls-refs` depends on: gitprotocol-v2(5).
 *
 * @returns undefined for any other command, and for a request that is not understood
 */
export function lsRefsKey(asked: ProtocolV2Request | undefined): string | undefined {
  if (asked?.command !== 'ls-refs' || !asked.isPlain || !asked.args.every((line) => known.test(line))) return undefined
  const influence = influences(asked)
  return influence && [...influence, '', ...asked.args].join('\n')
}

const known = /^(?:peel|symrefs|unborn|ref-prefix [^\n\0]*)$/
