import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'

export type Service = 'upload-pack' | 'receive-pack'

/** How a good reply begins, and how large it is at least. */
export type Expectation = { readonly begins: RegExp; readonly atLeast: number; readonly fails?: RegExp }

/** A request as all contestants get it: over HTTP, or on the standard input of a git without a server. */
export type GitRequest = {
  readonly service: Service
  /** Below the root that all contestants serve. */
  readonly repository: string
  readonly protocol: 0 | 2
  /** Undefined for an advertisement. The bytes of a file are streamed. */
  readonly body?: Buffer | { readonly file: string }
  readonly expects: Expectation
}

const agent = 'agent=git/2.39.5'
const delimiter = '0001'

/**
 * http-backend names the service before an advertisement of version 0, and other servers may, too. git accepts both.
 */
const serviceLine = String.raw`(?:001[ef]# service=git-(?:upload|receive)-pack\n0000)?`

/** `GET info/refs` in protocol version 2: capabilities only, see gitprotocol-v2(5). */
export function capabilities(repository: string): GitRequest {
  const begins = new RegExp(`^${serviceLine}000eversion 2\\n`)
  return { service: 'upload-pack', repository, protocol: 2, expects: { begins, atLeast: 60 } }
}

/** `GET info/refs` in protocol version 0: all refs, see gitprotocol-pack(5). */
export function refAdvertisement(service: Service, repository: string, refs: number): GitRequest {
  const begins = new RegExp(`^${serviceLine}[0-9a-f]{4}[0-9a-f]{40} `)
  return { service, repository, protocol: 0, expects: { begins, atLeast: refs * 50 } }
}

/** The request of every git fetch. */
export function lsRefs(repository: string, refs: number): GitRequest {
  const body =
    pktLine('command=ls-refs\n') +
    pktLine(agent) +
    pktLine('object-format=sha1') +
    delimiter +
    ['peel\n', 'symrefs\n', 'ref-prefix refs/heads/\n', 'ref-prefix refs/tags/\n', 'ref-prefix HEAD\n']
      .map(pktLine)
      .join('') +
    flushPacket
  const expects = { begins: /^[0-9a-f]{4}[0-9a-f]{40} /, atLeast: refs * 50 }
  return { service: 'upload-pack', repository, protocol: 2, body: Buffer.from(body), expects }
}

/** The last request of a fetch: wants, haves and done in one. */
export function fetch(options: {
  readonly repository: string
  readonly want: string
  readonly have?: readonly string[]
  readonly depth?: number
  /** The least size of a pack that can be right. */
  readonly atLeast: number
}): GitRequest {
  const { repository, want, have = [], depth, atLeast } = options
  const lines = [
    'thin-pack',
    'no-progress',
    'include-tag',
    'ofs-delta',
    ...(depth === undefined ? [] : [`deepen ${depth}\n`]),
    `want ${want}\n`,
    ...have.map((id) => `have ${id}\n`),
    'done\n',
  ]
  const body =
    pktLine('command=fetch') +
    pktLine(agent) +
    pktLine('object-format=sha1') +
    delimiter +
    lines.map(pktLine).join('') +
    flushPacket
  const begins = depth === undefined ? /^000dpackfile\n/ : /^0011shallow-info\n/
  return { service: 'upload-pack', repository, protocol: 2, body: Buffer.from(body), expects: { begins, atLeast } }
}

/** A push of one reference. @param pack undefined for a deletion */
export function smallPush(repository: string, command: string, pack: Buffer | undefined): GitRequest {
  const line = pktLine(`${command}\0 report-status agent=git/2.39.5`) + flushPacket
  const body = Buffer.concat([Buffer.from(line), ...(pack ? [pack] : [])])
  const expects = { begins: /unpack ok\n/, atLeast: 20, fails: /ng refs/ }
  return { service: 'receive-pack', repository, protocol: 0, body, expects }
}

/** The file holds the command and the pack, see repositories/big-push.ts. */
export function pushOf(repository: string, file: string): GitRequest {
  const expects = { begins: /unpack ok\n/, atLeast: 20, fails: /ng refs/ }
  return { service: 'receive-pack', repository, protocol: 0, body: { file }, expects }
}
