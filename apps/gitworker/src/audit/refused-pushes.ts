import type { Exchange } from '@sluice/shared/exchange/exchange'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { RequestRecord } from '../operations/request-record.ts'
import { auditLine } from './audit-line.ts'
import type { AuditLog } from './audit-log.ts'

/*
 * Pushes that were refused before git ran. Anybody can have as many requests refused as they like, so only so many are
 * recorded: sixty at once, and one more each two seconds. Each record says how many were left out before it.
 */
const mostAtOnce = 60
const oneMoreMs = 2000

/** Records refused pushes, within a bound of some 40 MB a day. */
export class RefusedPushes {
  readonly #auditLog: AuditLog
  readonly #log: Logger
  readonly #now: () => number
  #left = mostAtOnce
  #at: number
  #leftOut = 0

  /** @param now milliseconds, for tests */
  constructor(auditLog: AuditLog, log: Logger, now: () => number = () => performance.now()) {
    this.#auditLog = auditLog
    this.#log = log
    this.#now = now
    this.#at = now()
  }

  /** To be called at the end of each request. Resolves when the record is on the disk, if there is one. Never rejects. */
  async ended(exchange: Exchange, { request, refusal, outcome, refs, protectedRefs }: RequestRecord): Promise<void> {
    const isRefused = request?.service === 'receive-pack' && outcome === 'refused' && refusal !== undefined
    // Where git ran, the push has a record of its own.
    if (!isRefused || refs) return
    if (!this.#take()) return void this.#leftOut++
    const named = (protectedRefs ?? []).map((ref) => ({ ref, result: 'refused' as const }))
    const details = { reason: refusal.reason, ...(this.#leftOut > 0 && { leftOutBefore: this.#leftOut }) }
    this.#leftOut = 0
    const event = { event: 'refused' as const, repository: request.repository, refs: named, more: 0, details }
    await this.#auditLog.append(auditLine(exchange, event)).catch((err: unknown) => {
      this.#log.error({ err, requestId: exchange.id }, 'not in the audit log: a push that was refused')
    })
  }

  #take(): boolean {
    const now = this.#now()
    this.#left = Math.min(mostAtOnce, this.#left + (now - this.#at) / oneMoreMs)
    this.#at = now
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
