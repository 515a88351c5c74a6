import { addAbortListener } from 'node:events'
import { Writable } from 'node:stream'
import { noCache } from '@sluice/shared/http/no-cache'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { flushPacket, pktLine } from '@sluice/shared/git/pkt-line'
import { reasonHeaders } from '@sluice/shared/host-protocol/from-host'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { PushCommand } from './push-commands.ts'
import type { PushJudgement } from './push-rules.ts'
import { isRefName } from '../git/ref-name.ts'
import { printable } from '../git/messages.ts'
import type { RequestBody } from '../body/request-body.ts'

/** Of a push that Sluice or git refuses, at most so much is read and dropped, so that its client reads the whole reply. */
export const maxReadOnBytes = 256 * 1024 * 1024

/** The most references that are named one by one, and the most bytes of their names. */
const maxNamed = 10
const maxNameLength = 256

/** The payload of the largest side-band packet that git accepts: LARGE_PACKET_MAX in pkt-line.h, less length and band. */
const maxBandBytes = 65_515

/**
 * Answers a push in receive-pack's place, without starting git. The user gets a message at once. When the body has been
 * read, the client gets a report on each reference, as in gitprotocol-pack(5).
 *
 * @throws {Refusal} the refusal itself, if the client has not asked for a report: without `report-status`, it would take
 *   the push for done; or the reason why the exchange ended
 */
export async function refusePush(
  exchange: Exchange,
  body: RequestBody,
  { refusal, objections }: NonNullable<PushJudgement['refused']>,
  { commands, capabilities }: PushJudgement['push'],
): Promise<void> {
  if (!capabilities.has('report-status') && !capabilities.has('report-status-v2')) throw refusal
  const { outgoing, signal } = exchange
  const write = (bytes: Buffer | string) => {
    outgoing.write(bytes)
    exchange.sent(Buffer.byteLength(bytes))
  }
  exchange.standsFor = refusal.status
  outgoing.writeHead(200, {
    ...noCache,
    'Content-Type': 'application/x-git-receive-pack-result',
    'X-Request-Id': exchange.id,
    ...reasonHeaders(refusal.reason),
  })
  const hasBands = capabilities.has('side-band-64k')
  if (hasBands) write(band(2, Buffer.from(`${refusal.sentence}\n`)))
  await forget(body, signal)
  const report = Buffer.from(reportOf(commands, refusal, objections))
  if (!hasBands) write(report)
  else {
    for (let offset = 0; offset < report.length; offset += maxBandBytes) {
      write(band(1, report.subarray(offset, offset + maxBandBytes)))
    }
    write(flushPacket)
  }
  await exchange.finish()
}

/** The refusal of a push for these objections, worded for its user and for the log. */
export function protectedRef(repository: string, objections: ReadonlyMap<PushCommand, string>): Refusal {
  const lines = [...objections]
    .slice(0, maxNamed)
    .map(([{ ref }, why]) => `${ref.slice(0, maxNameLength)} is protected in ${repository}: ${why}.`)
  if (objections.size > maxNamed) lines.push(`So are ${objections.size - maxNamed} more.`)
  lines.push(
    'Nothing of this push was taken: leave out what is protected and push again.',
    'Who runs this server has set this (SLUICE_PROTECTED_REFS).',
  )
  return new Refusal('protected_ref', { sentence: lines.map(printable).join('\n') })
}

function reportOf(
  commands: readonly PushCommand[],
  refusal: Refusal,
  objections: ReadonlyMap<PushCommand, string>,
): string {
  const others = refusal.reason === 'protected_ref' ? 'not pushed, since another one is protected' : 'too many at once'
  const lines = ['unpack ok\n']
  const told = new Set<string>()
  const byRef = new Map([...objections].map(([{ ref }, why]) => [ref, why]))
  for (const { ref } of commands) {
    // A name that git would not accept could break the line.
    if (told.has(ref) || !isRefName(ref)) continue
    told.add(ref)
    const why = byRef.get(ref)
    // The client knows the reference by this name only. Names are short enough for line and name to fit one packet.
    lines.push(`ng ${ref} ${why === undefined ? others : printable(`protected: ${why}`)}\n`)
  }
  return lines.map(pktLine).join('') + flushPacket
}

/** Reads the rest of the body. Otherwise a client that is still sending would see a broken connection and no reply. */
async function forget(body: RequestBody, signal: AbortSignal): Promise<void> {
  let bytes = 0
  const nowhere = new Writable({
    write(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      if (bytes > maxReadOnBytes) nowhere.destroy()
      done()
    },
  })
  nowhere.on('error', () => {})
  using _stopping = addAbortListener(signal, () => nowhere.destroy())
  await body.feed(nowhere)
  signal.throwIfAborted()
}

function band(number: 1 | 2, bytes: Buffer): Buffer {
  const head = (bytes.length + 5).toString(16).padStart(4, '0')
  return Buffer.concat([Buffer.from(`${head}${String.fromCharCode(number)}`, 'latin1'), bytes])
}
