import { pktLength } from '@sluice/shared/git/pkt-line'

/** A request in protocol version 2: gitprotocol-v2(5), "Command Request". Lines are without their line feeds. */
export type CommandRequest = {
  readonly command: string
  readonly capabilities: readonly string[]
  readonly args: readonly string[]
}

const flush = 0
const delimiter = 1
const responseEnd = 2

/**
 * Reads a request strictly: what git might read in another way, or refuse, is not understood.
 *
 * @param body all of it, inflated
 */
export function readCommandRequest(body: Buffer): CommandRequest | undefined {
  const lines: string[] = []
  const args: string[] = []
  let section = lines
  for (let offset = 0; ;) {
    const length = pktLength(body, offset)
    if (length === undefined || length === responseEnd || offset + length > body.length) return undefined
    const line = body.toString('latin1', offset + 4, offset + length).replace(/\n$/, '')
    offset += Math.max(length, 4)
    if (length === flush) {
      const [, command] = /^command=([a-z-]+)$/.exec(lines.shift() ?? '') ?? []
      return command !== undefined && offset === body.length ? { command, capabilities: lines, args } : undefined
    }
    if (length === delimiter && section === args) return undefined
    if (length === delimiter) section = args
    else section.push(line)
  }
}

/**
 * What of a capability an answer depends on: `agent` and `server-option` have no influence, and neither has what the
 * session is called; but git refuses to be told its name unless it has offered to be.
 *
 * @returns an empty text for no influence, undefined for what is not known here
 */
export function influenceOf(capability: string): string | undefined {
  if (/^(?:agent|server-option)=[^\n\0]*$/.test(capability)) return ''
  if (/^session-id=[^\n\0]*$/.test(capability)) return 'session-id'
  return /^object-format=[a-z0-9]+$/.test(capability) ? capability : undefined
}
