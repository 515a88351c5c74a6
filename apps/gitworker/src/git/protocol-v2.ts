import { pktLength } from '@sluice/shared/git/pkt-line'

/**
 * A request in protocol version 2: gitprotocol-v2(5), "Command Request". Lines have no line feed at their end, and each byte
 * is a character.
 */
export type ProtocolV2Request = {
  /** `ls-refs`, `fetch` …; undefined if no line names one. As for git, it may come after capabilities: see connect.c. */
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
 * Parses a request, once for everything that is to be known of it. The result is as long as the body: the caller bounds it.
 *
 * @param body the whole body, inflated
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
  const [line, ...others] = lines.filter((one) => one.startsWith('command='))
  const command = commandOf(line)
  const capabilities = lines.filter((one) => one !== line)
  return { command, capabilities, args, isPlain: isPlain && isOver && command !== undefined && others.length === 0 }
}

/** The command of a request whose beginning is known. */
export function commandIn(beginning: Buffer): string | undefined {
  const length = pktLength(beginning)
  return length === undefined || length < lengthBytes ? undefined : commandOf(textOf(beginning, 0, length))
}

/**
 * The capabilities of a request that its reply depends on. `agent` and `server-option` have no influence. Neither has the id
 * in `session-id`, but git refuses that capability unless it has offered it.
 *
 * @returns undefined if there is an unknown capability
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

/** @returns an empty text if it has none */
function influenceOf(capability: string): string | undefined {
  if (/^(?:agent|server-option)=[^\n\0]*$/.test(capability)) return ''
  if (/^session-id=[^\n\0]*$/.test(capability)) return 'session-id'
  return /^object-format=[a-z0-9]+$/.test(capability) ? capability : undefined
}

/** A pkt-line begins with its length, in four digits. */
const lengthBytes = 4

function textOf(body: Buffer, offset: number, length: number): string {
  return body.toString('latin1', offset + lengthBytes, offset + length).replace(/\n$/, '')
}

function commandOf(line = ''): string | undefined {
  return /^command=([a-z-]{1,32})$/.exec(line)?.[1]
}
