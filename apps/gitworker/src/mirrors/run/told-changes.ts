import { relative } from 'node:path'
import type { Mirror } from '@sluice/shared/config/mirrors/mirrors-file'
import { shownBytes } from '../../audit/audit-line.ts'
import type { EventLog } from '../../events/event-log.ts'
import { maxRefs } from '../../events/intent/push-events.ts'
import type { RefChange } from '../../operations/ref-change.ts'
import type { Difference } from './listing.ts'

/*
 * What a mirror changes is told as a push of the user `mirror` would be: an intent is on the disk before the fetch changes
 * references, and the events when it has. Where nobody sees the end of the fetch, the references are looked at.
 */

/** Who changes references, in events and in the audit log. */
export const mirrorUser = 'mirror'

/** A change of references that is under way. Disposing of it finds out what came of it, if nobody has said that. */
export type ToldChanges = AsyncDisposable & {
  /** @param changes all that has changed, and nothing else. Never rejects */
  finish(changes: readonly Difference[]): Promise<void>
}

export type IntendedChanges = {
  readonly mirror: Pick<Mirror, 'repository'>
  /** Of the run. */
  readonly id: string
  /** Where the repository is, or will be. */
  readonly gitDir: string
  readonly changes: readonly Difference[]
  /** Whether the repository is not there yet. */
  readonly isNew: boolean
}

type Events = Pick<EventLog, 'pushes' | 'operations'>

/** @param events undefined where nobody is told @throws {Refusal} `events_unavailable` */
export async function tellChanges(
  events: Events | undefined,
  root: string,
  intended: IntendedChanges,
): Promise<ToldChanges> {
  if (!events) return { async finish() {}, async [Symbol.asyncDispose]() {} }
  const { changes, isNew } = intended
  if (isNew && changes.length === 0) return await tellEmpty(events, intended)
  return await tellRefs(events, root, intended)
}

/** A repository without references is told as one that an operator creates. */
async function tellEmpty({ operations }: Events, { mirror, id }: IntendedChanges): Promise<ToldChanges> {
  const told = await operations.begin({
    kind: 'create',
    repository: mirror.repository,
    user: mirrorUser,
    requestId: id,
  })
  let isOver = false
  return {
    async finish() {
      isOver = true
      await told.finish()
    },
    async [Symbol.asyncDispose]() {
      if (isOver) return
      isOver = true
      await told.conclude()
    },
  }
}

async function tellRefs(
  { pushes }: Events,
  root: string,
  { mirror, id, gitDir, changes, isNew }: IntendedChanges,
): Promise<ToldChanges> {
  const refs = changes.slice(0, maxRefs)
  const more = changes.length - refs.length
  const who = { repository: mirror.repository, user: mirrorUser, requestId: id }
  const open = await pushes.begin({ ...who, folder: relative(root, gitDir), creates: isNew, refs, more }, isNew)
  let isOver = false
  return {
    async finish(done) {
      isOver = true
      await pushes.finish(open, outcomes(refs, more, done))
    },
    async [Symbol.asyncDispose]() {
      if (isOver) return
      isOver = true
      await pushes.finish(open, [])
    },
  }
}

/** What became of each reference: those that were to change and have not, too. */
function outcomes(intended: readonly Difference[], more: number, done: readonly Difference[]): RefChange[] {
  const names = new Set(intended.map(({ ref }) => ref))
  // The upstream may have changed since the look.
  const told = done.filter(({ ref }) => more === 0 || names.has(ref)).slice(0, maxRefs)
  for (const { ref } of told) names.delete(ref)
  return [
    ...told.map((change): RefChange => ({ ...change, ref: shownBytes(change.ref), result: 'ok' })),
    ...[...names].map((ref): RefChange => ({ ref: shownBytes(ref), result: 'rejected' })),
  ]
}
