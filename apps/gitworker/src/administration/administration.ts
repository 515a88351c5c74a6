import { Refusal } from '@sluice/shared/refusal/refusal'
import type { Logger } from '@sluice/shared/telemetry/log'
import { JobError } from '../process/job/job.ts'
import { checkObjects } from './change/check-objects.ts'
import type { ClosingServices } from './change/closed-repositories.ts'
import { collectGarbage } from './change/collect-garbage.ts'
import type { GarbageServices } from './change/collect-garbage.ts'
import { createEmpty } from './change/create-empty.ts'
import { deleteRepository } from './change/delete-repository.ts'
import { forkRepository } from './change/fork-repository.ts'
import type { GivingServices } from './change/give-to-host.ts'
import type { ForkServices } from './change/fork-repository.ts'
import type { MovingServices } from './change/held-repository.ts'
import type { OperationEvents, ToldOperation } from '../events/intent/operation-events.ts'
import { toldOperation } from './operation/told-operation.ts'
import type { HeldPlace, HoldOperation } from './operation/held-operation.ts'
import type { Operation, OperationKind, OperationOf, Progress } from './operation/operation.ts'
import { renameRepository } from './change/rename-repository.ts'
import { runMirrorNow } from './change/run-mirror.ts'
import type { MirrorServices } from './change/run-mirror.ts'
import { pruneObjects } from './lfs/prune-objects.ts'
import type { PruneServices } from './lfs/prune-objects.ts'
import { setHead } from './change/set-head.ts'
import { setReadOnly } from './change/set-read-only.ts'
import type { OthersTrash } from './trash/others-trash.ts'
import type { TrashEntry } from './trash/trash-note.ts'
import { purgeRepository } from './change/purge-repository.ts'
import { purgeDue, restoreRepository } from './change/trashed-repository.ts'

/*
 * The one way in which operators change repositories: an operation is a value, it is run here, and it is logged and
 * counted. In a cluster, the primary runs it, and its copies have what it did before it is answered.
 */

export type AdministrationServices = MovingServices &
  ForkServices &
  GarbageServices &
  PruneServices &
  ClosingServices &
  GivingServices &
  MirrorServices & {
    readonly hold: HoldOperation
    /** Undefined where no other host has a trash of its own. */
    readonly others: OthersTrash | undefined
    /** Undefined where nobody is told of events. */
    readonly events: OperationEvents | undefined
    /** Called with each operation that is over. `result` is `ok`, or the reason of the refusal. */
    readonly onOver: (kind: OperationKind, result: string) => void
    readonly log: Logger
  }

type Runner<K extends OperationKind> = (
  services: AdministrationServices,
  operation: OperationOf<K>,
  progress: Progress,
  held: HeldPlace,
) => Promise<object>

const runners: { readonly [K in OperationKind]: Runner<K> } = {
  'create': createEmpty,
  'rename': renameRepository,
  'delete': deleteRepository,
  'restore': restoreRepository,
  'purge': purgeRepository,
  'fork': forkRepository,
  'head': setHead,
  'readonly': setReadOnly,
  'gc': collectGarbage,
  'fsck': checkObjects,
  'lfs-prune': pruneObjects,
  'mirror': runMirrorNow,
}

export class Administration {
  readonly #services: AdministrationServices

  constructor(services: AdministrationServices) {
    this.#services = services
  }

  /**
   * @param who what the client says of who it is, for the log
   * @returns what was done, in JSON's types
   * @throws {Refusal}
   */
  async run(operation: Operation, progress: Progress, who: string | undefined): Promise<object> {
    const { onOver, log } = this.#services
    const since = performance.now()
    const { kind, ...values } = operation
    const line = () => ({ operation: kind, ...values, saysToBe: who, ms: Math.round(performance.now() - since) })
    try {
      const result = await this.#runHeld(operation, progress, who)
      onOver(kind, 'ok')
      log.info(line(), `administration: ${kind}`)
      return result
    } catch (error) {
      const refusal = refusalFor(error, progress.signal)
      onOver(kind, refusal.reason)
      const words = { ...line(), reason: refusal.reason, said: refusal.sentence, err: refusal.cause }
      log[refusal.outcome === 'failed' ? 'error' : 'info'](words, `administration: ${kind} was not done`)
      throw refusal
    }
  }

  async #runHeld(operation: Operation, progress: Progress, who: string | undefined): Promise<object> {
    using held = this.#services.hold(operation)
    await held.begin()
    const telling = await this.#begin(operation, who, held.otherHost)
    const runner = runners[operation.kind] as Runner<OperationKind>
    try {
      const result = await runner(this.#services, operation, progress, held)
      await held.confirm(progress)
      await held.done()
      await telling?.finish()
      return result
    } catch (error) {
      // A part of it may have been done.
      if (!(error instanceof Refusal)) await held.confirm(progress).catch(() => {})
      await telling?.conclude()
      throw error
    }
  }

  /** Before it is begun, it is on the disk what others are to be told of it. @throws {Refusal} `events_unavailable` */
  async #begin(
    operation: Operation,
    who: string | undefined,
    otherHost: string | undefined,
  ): Promise<ToldOperation | undefined> {
    const { events, trash } = this.#services
    const told = events && toldOperation(operation, (id) => trash.find(id), who, otherHost)
    return told && (await events.begin(told))
  }

  /** Removes what is in the trash and whose time is over. */
  async emptyTrash(signal: AbortSignal): Promise<void> {
    const { log } = this.#services
    await purgeDue(
      this.#services,
      signal,
      (entry) => log.info(trashLine(entry), 'removed a deleted repository whose time in the trash was over'),
      (entry, err) =>
        log.warn({ ...trashLine(entry), err }, 'a deleted repository could not be removed from the trash'),
    )
  }
}

function trashLine({ repository, id, keptUntil }: TrashEntry) {
  return { repository, id, keptUntil }
}

/** git's words go to the operator, who may see all of a repository. */
function refusalFor(error: unknown, signal: AbortSignal): Refusal {
  if (error instanceof Refusal) {
    const { cause } = error
    if (error.reason !== 'create_failed' || !(cause instanceof JobError)) return error
    return new Refusal('operation_failed', { sentence: sentenceOf(cause), cause })
  }
  if (signal.aborted) return Refusal.from(signal.reason)
  if (error instanceof JobError) return new Refusal('operation_failed', { sentence: sentenceOf(error), cause: error })
  return new Refusal('operation_failed', { cause: error })
}

function sentenceOf({ message }: JobError): string {
  return `git could not do it: ${message.slice(-500).trim()}`
}
