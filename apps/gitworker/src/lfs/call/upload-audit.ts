import { LRUCache } from 'lru-cache'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { plainName } from '@sluice/shared/git/repository-name'
import type { LfsPointer } from '@sluice/shared/lfs/batch-request'
import type { Logger } from '@sluice/shared/telemetry/log'
import { auditLine } from '../../audit/audit-line.ts'
import type { AuditLog } from '../../audit/audit-log.ts'

/** Verifications that are remembered, so that those that are asked again get no second line. */
const mostRemembered = 10_000

type Who = Pick<Exchange, 'id' | 'clientAddress' | 'user'>

/** The lines of uploads in the audit log. */
export class UploadAudit {
  readonly #auditLog: Pick<AuditLog, 'append'> | undefined
  readonly #log: Logger
  readonly #recorded = new LRUCache<string, true>({ max: mostRemembered })

  /** @param auditLog undefined where pushes are not recorded */
  constructor(auditLog: Pick<AuditLog, 'append'> | undefined, log: Logger) {
    this.#auditLog = auditLog
    this.#log = log
  }

  /** An object has come through this host. Resolves when that is on the disk, or in the host's log. Never rejects. */
  async record(who: Who, repository: string, { oid, size }: LfsPointer): Promise<void> {
    const auditLog = this.#auditLog
    if (!auditLog) return
    const line = auditLine(who, { event: 'lfs', repository, refs: [], more: 0, details: { oid, size } })
    await auditLog.append(line).catch((err: unknown) => {
      const audit = JSON.parse(line) as unknown
      this.#log.error({ err, requestId: who.id, audit }, 'not in the audit log: an upload')
    })
  }

  /** A client is told where to upload an object by itself. */
  expect(repository: string, oid: string): void {
    this.#recorded.delete(keyOf(repository, oid))
  }

  /** A client says that it has done so, and it is there. One upload is recorded once. Never rejects. */
  async recordArrived(who: Who, repository: string, pointer: LfsPointer): Promise<void> {
    const key = keyOf(repository, pointer.oid)
    if (!this.#auditLog || this.#recorded.has(key)) return
    this.#recorded.set(key, true)
    await this.record(who, repository, pointer)
  }
}

function keyOf(repository: string, oid: string): string {
  return `${oid}/${plainName(repository)}`
}
