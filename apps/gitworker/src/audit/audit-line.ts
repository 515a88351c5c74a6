import { plainName } from '@sluice/shared/git/repository-name'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { withoutSteering } from '@sluice/shared/telemetry/log'
import type { RefChange } from '../operations/ref-change.ts'

/** What was done, or not done, by whom. */
export type AuditEvent = {
  readonly event: 'push' | 'refused' | 'mirror' | 'lfs'
  readonly repository: string
  readonly refs: readonly RefChange[]
  /** How many references of the push are not in `refs`. */
  readonly more: number
  /** Fields of one kind of event only. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** In bytes, with the end of the line. */
const maxLineBytes = 64 * 1024

/** For everything but the references. */
const restBytes = 16 * 1024

/** The line of the audit log. It has at most 64 KiB: references that do not fit are counted. */
export function auditLine(
  { id, clientAddress, user }: Pick<Exchange, 'id' | 'clientAddress' | 'user'>,
  { event, repository, refs, more, details }: AuditEvent,
): string {
  const who = { requestId: id, user: user ?? null, client: clientAddress, repository: plainName(repository) }
  const fitting = fit(refs)
  const what = { refs: fitting, more: more + refs.length - fitting.length }
  return withoutSteering(JSON.stringify({ time: new Date().toISOString(), event, ...who, ...details, ...what }))
}

/** One with a very long name must not hide those after it. */
function fit(refs: readonly RefChange[]): readonly RefChange[] {
  let left = maxLineBytes - restBytes
  return refs.filter((change) => {
    const bytes = Buffer.byteLength(withoutSteering(JSON.stringify(change))) + 1
    if (bytes > left) return false
    left -= bytes
    return true
  })
}

/**
 * A text whose characters stand for bytes, as people read it.
 *
 * @param text one character for each byte
 */
export function shownBytes(text: string): string {
  const bytes = Buffer.from(text, 'latin1')
  const decoded = bytes.toString()
  if (Buffer.from(decoded).equals(bytes)) return decoded
  return text.replace(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`)
}
