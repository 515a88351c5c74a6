import type { Mirror } from '@sluice/shared/config/mirrors/mirrors-file'
import type { Logger } from '@sluice/shared/telemetry/log'
import { auditLine, shownBytes } from '../audit/audit-line.ts'
import type { AuditLog } from '../audit/audit-log.ts'
import type { Difference } from './run/listing.ts'
import { mirrorUser } from './run/told-changes.ts'

/** So many references are considered for one line, which has room for some hundreds. */
const maxConsidered = 5000

/** Records what a mirror has changed, as a push is recorded. Never rejects. @param id of the run */
export async function auditMirror(
  auditLog: AuditLog | undefined,
  { repository, upstream }: Mirror,
  id: string,
  changes: readonly Difference[],
  log: Logger,
): Promise<void> {
  if (!auditLog || changes.length === 0) return
  const who = { id, clientAddress: upstream.host === '' ? 'file' : upstream.host, user: mirrorUser }
  const refs = changes
    .slice(0, maxConsidered)
    .map((change) => ({ ref: shownBytes(change.ref), old: change.old, new: change.new, result: 'ok' as const }))
  const line = auditLine(who, {
    event: 'mirror',
    repository,
    refs,
    more: changes.length - refs.length,
    details: { upstream: upstream.url },
  })
  await auditLog.append(line).catch((err: unknown) => {
    log.error({ err, repository, refs: refs.slice(0, 20) }, 'not in the audit log: what a mirror has changed')
  })
}
