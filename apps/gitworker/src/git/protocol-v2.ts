import { pktLength } from '@sluice/shared/git/pkt-line'

/**
 * A request in protocol version 2: gitprotocol-v2(5), "Command Request". Lines are without their line feeds; each byte is a
 * character.
 */
export type ProtocolV2Request = {
  /** `ls-refs`, `fetch` …; undefined where the first line names none. */
  readonly command: string | undefined
  readonly capabilities: readonly string[]
  readonly args: readonly string[]
  /**
   * Whether this is all of the request, in the form that git's clients send. git might read any other form in another way,
   * or refuse it.
   */
  readonly isPlain: boolean
}

const flush = 0
const delimiter = 1
const responseEnd = 2

/**
 * Parses a request once, for all who want to know something of it. It is as long as its body, which is the caller's to
 * bound.
 *
 * @param body all of it, inflated
 * @returns undefined if it is not made of pkt-lines
 */
export function parseProtocolV2(body: Buffer): ProtocolV2Request | undefined {
  const lines: string[] = []
  const args: string[] = []
  let section = lines
  let isPlain = true
  let isOver = false
  for (let offset = 0; offset < body.length;) {
    const length = pktLength(body, offset)
    if (length === undefined || offset + length > body.length) return undefined
    if (isOver || length === responseEnd || (length === delimiter && section === args)) isPlain = false
    if (length === flush) isOver = true
    else if (length === delimiter) section = args
    else if (length !== responseEnd) section.push(textOf(body, offset, length))
    offset += Math.max(length, lengthBytes)
  }
  const command = commandOf(lines.shift())
  return { command, capabilities: lines, args, isPlain: isPlain && isOver && command !== undefined }
}

/** What command a request has of which only the beginning is known. */
export function commandIn(beginning: Buffer): string | undefined {
  const length = pktLength(beginning)
  return length === undefined || length < lengthBytes ? undefined : commandOf(textOf(beginning, 0, length))
}

/**
 * What of its capabilities the answer to a request depends on. `agent` and `server-option` have no influence. Neither has
 * the id in `session-id`; but git refuses one unless it has offered to take it.
 *
 * @returns undefined with a capability that is not known here
 */
export function influences({ capabilities }: ProtocolV2Request): readonly string[] | undefined {
  const found: string[] = []
  for (const capability of capabilities) {
    const influence = influenceOf(capability)
    if (influence === undefined) return undefined
    if (influence !== '') found.push(influence)
  }
  return found
}

/** @returns an empty text for no influence */
function influenceOf(capability: string): string | undefined {
  if (/^(?:agent|server-option)=[^\n\0]*$/.test(capability)) return ''
  if (/^session-id=[^\n\0]*$/.test(capability)) return 'session-id'
  return /^object-format=[a-z0-9]+$/.test(capability) ? capability : undefined
}

/** Of the digits that a pkt-line begins with. */
const lengthBytes = 4

function textOf(body: Buffer, offset: number, length: number): string {
  return body.toString('latin1', offset + lengthBytes, offset + length).replace(/\n$/, '')
}

function commandOf(line = ''): string | undefined {
  return /^command=([a-z-]{1,32})$/.exec(line)?.[1]
}
