import { relative } from 'node:path'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { PushResults } from '@sluice/shared/git/push-results'
import { plainName } from '@sluice/shared/git/repository-name'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { AuditLog } from '../audit/audit-log.ts'
import { auditLine } from '../audit/audit-line.ts'
import type { AuditEvent } from '../audit/audit-line.ts'
import type { RequestBody } from '../body/request-body.ts'
import type { OpenPush } from '../events/intent/open-push.ts'
import { maxRefs } from '../events/intent/push-events.ts'
import type { PushEvents } from '../events/intent/push-events.ts'
import type { RefChange } from '../operations/ref-change.ts'
import type { RequestRecord } from '../operations/request-record.ts'
import { forRequest } from '../process/job/job.ts'
import type { RunJob } from '../process/job/job.ts'
import { commonDirOf } from '../repository/repository.ts'
import { PushCommands } from './push-commands.ts'
import { deletedRefs, refChanges, unprovenRefs, usualMost } from './ref-changes.ts'
import { finalName } from './ref-target.ts'
import { refValues } from './ref-values.ts'

/*
 * The record of a push that git runs for, in the audit log and as events:
 *
 *   read the commands ─▶ the intent is on ─▶ git runs ─┬─ its report is whole ─▶ record, and then the report goes to the client
 *                        the disk (events)             └─ it ended without one ─▶ look at the references ─▶ record
 *
 * The host's own line has it as well, whether or not there is an audit log. With neither log nor events, nothing is looked up.
 */

/** A push with more commands than this is recorded with those that fit. */
const maxCommandBytes = 1024 * 1024

/** How long git may take to list the references after a push. */
const lookMs = 5000

/** What a push needs to be recorded. */
export type AuditedPush = {
  readonly exchange: Exchange
  readonly repository: string
  readonly record: RequestRecord
  readonly gitDir: string
  /** Whether the repository is new, and goes again if no push leaves anything in it. */
  readonly visit: { readonly isProvisional: boolean }
}

export type PushAuditServices = {
  /** Undefined where there is none. */
  readonly auditLog: AuditLog | undefined
  /** Undefined where nobody is told of events. */
  readonly events: PushEvents | undefined
  /** Below which repositories are. */
  readonly root: string
  readonly runJob: RunJob
  readonly log: Logger
}

type Values = ReadonlyMap<string, string | undefined>

/** Records one push, once. */
export class PushAudit implements AsyncDisposable {
  /** Must be given each packet of git's reply. */
  readonly results: PushResults
  /** Whether the push has a proc-receive hook, whose word git passes on. To be set when git has been started. */
  hasProcReceive = false
  readonly #services: PushAuditServices
  readonly #push: AuditedPush
  readonly #commands: PushCommands
  readonly #before: Values
  readonly #most: number
  #intended: Promise<void> | undefined
  #open: OpenPush | undefined
  #recorded: Promise<void> | undefined

  /**
   * To be called before git is started.
   *
   * @throws {Refusal} `bad_gzip`, or the reason why the exchange ended; {JobError} where git cannot read the references
   */
  static async begin(services: PushAuditServices, push: AuditedPush, body: RequestBody): Promise<PushAudit> {
    const { auditLog, events, runJob } = services
    const isRecorded = auditLog !== undefined || events !== undefined
    const commands = new PushCommands('latin1')
    if (isRecorded) await body.readOn((beginning) => commands.readOn(beginning), maxCommandBytes, push.exchange.signal)
    else while (commands.commands.length < maxWithoutLog && commands.read(body.beginning));
    const deleted = isRecorded ? deletedRefs(commands.commands) : []
    const before = await refValues(push.gitDir, deleted, forRequest(push.exchange, runJob))
    return new PushAudit(services, push, commands, before)
  }

  private constructor(services: PushAuditServices, push: AuditedPush, commands: PushCommands, before: Values) {
    this.#services = services
    this.#push = push
    this.#commands = commands
    this.#before = before
    this.#most = services.events ? maxRefs : usualMost
    this.results = new PushResults(this.#most)
  }

  /** Whether the client's report must wait for the record. */
  get isAwaited(): boolean {
    return this.#services.auditLog !== undefined || this.#services.events !== undefined
  }

  /**
   * Resolves when it is on the disk what the push wants, where that must be. git may not get any of it before.
   *
   * @throws {Refusal} `events_unavailable`
   */
  intend(): Promise<void> {
    this.#intended ??= this.#intend()
    // Whoever waits for it may do so later.
    this.#intended.catch(() => {})
    return this.#intended
  }

  async #intend(): Promise<void> {
    const { events, root } = this.#services
    if (!events) return
    const { repository, exchange, record, gitDir, visit } = this.#push
    const refs = this.#commands.commands.map(({ ref, oldId, newId }) => {
      const asked = { ref, old: oldId.toLowerCase(), new: newId.toLowerCase() }
      return this.#before.has(ref) ? { ...asked, old: this.#before.get(ref) ?? '0'.repeat(oldId.length) } : asked
    })
    const more = this.#commands.isWhole ? 0 : 1
    const who = { requestId: exchange.id, user: exchange.user }
    const push = { ...who, repository: plainName(repository), folder: relative(root, gitDir), refs, more }
    const creates = visit.isProvisional
    this.#open = await events.begin({ ...push, creates }, record.created === true)
  }

  /** Where git was not started, nothing has become of the intent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#intended?.catch(() => {})
    if (this.#open && !this.#recorded) await this.#services.events?.abandon(this.#open)
  }

  /**
   * Writes the record, with what is known by now. To be called when git's report is whole, or when git has ended.
   * Resolves when the record is on the disk, or in the host's log. Never rejects.
   */
  settle(): Promise<void> {
    return (this.#recorded ??= this.#record())
  }

  async #record(): Promise<void> {
    const { record } = this.#push
    const { auditLog } = this.#services
    const known = { push: this.#commands, reported: this.results, mayBeHooksWord: this.hasProcReceive }
    const after = this.isAwaited ? await this.#lookUp(unprovenRefs(known)) : nothing
    const { refs, more } = refChanges({ ...known, before: this.#before, after }, this.#most)
    const [first, rest] = [refs.slice(0, usualMost), refs.slice(usualMost)]
    record.refs = this.isAwaited ? this.#withTargets(first) : first
    if (more + rest.length > 0) record.moreRefs = more + rest.length
    await Promise.all([
      auditLog && this.#writeTo(auditLog, record.refs, more + rest.length),
      this.#open && this.#services.events?.finish(this.#open, [...record.refs, ...rest]),
    ])
  }

  async #writeTo(auditLog: AuditLog, refs: readonly RefChange[], more: number): Promise<void> {
    const { record, exchange, repository } = this.#push
    const details = record.created === true ? { created: true } : {}
    const event: AuditEvent = { event: 'push', repository, refs, more, details }
    const line = auditLine(exchange, event)
    await auditLog.append(line).catch((err: unknown) => {
      const audit = JSON.parse(line) as unknown
      this.#services.log.error({ err, requestId: exchange.id, audit }, 'not in the audit log: a push')
    })
  }

  /** A push to a symbolic reference changes another one. Whoever looks for that one must find the push. */
  #withTargets(refs: readonly RefChange[]): readonly RefChange[] {
    const { gitDir } = this.#push
    try {
      const commonDir = commonDirOf(gitDir)
      return refs.map((change) => {
        const target = change.result === 'rejected' ? change.ref : finalName(gitDir, commonDir, change.ref)
        return target === change.ref ? change : { ...change, target }
      })
    } catch {
      return refs
    }
  }

  /** An end of the exchange does not end this: what git did must be known all the same. */
  async #lookUp(refs: readonly string[]): Promise<Values> {
    const { runJob } = this.#services
    const options = { signal: AbortSignal.timeout(lookMs), requestId: this.#push.exchange.id }
    const look: RunJob = (args, more) => runJob(args, { ...options, ...more })
    return await refValues(this.#push.gitDir, refs, look).catch(() => nothing)
  }
}

const maxWithoutLog = 100

const nothing: Values = new Map()
