import { influenceOf, readCommandRequest } from '../../git/protocol-v2.ts'

/**
 * What of a request's body the answer to `ls-refs` depends on: gitprotocol-v2(5).
 *
 * @param body of a POST to git-upload-pack in protocol version 2
 * @returns undefined if it is another command, or is not understood
 */
export function lsRefsKey(body: Buffer): string | undefined {
  const read = readCommandRequest(body)
  if (read?.command !== 'ls-refs' || !read.args.every((line) => known.test(line))) return undefined
  const influences = read.capabilities.map(influenceOf)
  return influences.includes(undefined) ? undefined : [...influences.filter(Boolean), '', ...read.args].join('\n')
}

const known = /^(?:peel|symrefs|unborn|ref-prefix [^\n\0]*)$/
