import type { PushResults, RefResult } from '@sluice/shared/git/push-results'
import { shownBytes } from '../audit/audit-line.ts'
import type { RefChange } from '../operations/ref-change.ts'
import { isCreation, isDeletion } from './push-commands.ts'
import type { PushCommand, PushCommands } from './push-commands.ts'

/** What may be known of a push. In all names, each character stands for a byte. */
export type KnownOfPush = {
  /** What was asked for. It may not be all of it: see `isWhole`. */
  readonly push: Pick<PushCommands, 'commands' | 'isWhole'>
  readonly reported: Pick<PushResults, 'results' | 'count'>
  /** Ids before git began, of references that are deleted. */
  readonly before: ReadonlyMap<string, string | undefined>
  /** Ids after git's end, where they were looked at. */
  readonly after: ReadonlyMap<string, string | undefined>
  /** Whether a hook (proc-receive) may have answered for git. Then its word needs a proof. */
  readonly mayBeHooksWord: boolean
}

const maxChanges = 100

/**
 * What git did with each reference of a push, in its order, as far as it is certain.
 *
 * - `ok` is git's own word. git compares the old id of an update or a creation while it holds the lock, so that one is
 *   true as well. The old id of a deletion is compared only if git has such an object; so it is looked up before.
 * - Where git has said nothing, the result is `unknown`, and `now` tells what there is.
 *
 * @returns at most a hundred, and how many more references the push had
 */
export function refChanges(known: KnownOfPush): { refs: RefChange[]; more: number } {
  const { push, reported } = known
  const asked = Map.groupBy(push.commands, ({ ref }) => ref)
  const refs = reported.results.map((result) => {
    const queue = asked.get(result.ref)
    // A hook may report several changes for one command.
    return changeOf(result, (queue && queue.length > 1 ? queue.shift() : queue?.[0]) ?? undefined, known)
  })
  const reportedRefs = new Set(reported.results.map(({ ref }) => ref))
  if (reported.count <= maxChanges) {
    for (const command of push.commands.slice(0, maxChanges)) {
      if (!reportedRefs.has(command.ref) && refs.length < maxChanges) refs.push(unknown(command.ref, command, known))
    }
  }
  const all = Math.max(push.commands.length, reported.count)
  return { refs, more: Math.max(all - refs.length, 0) }
}

/** The references whose results cannot be told without a look at what they are now. */
export function unprovenRefs({ push, reported, mayBeHooksWord }: Omit<KnownOfPush, 'before' | 'after'>): string[] {
  const told = new Set(reported.results.map(({ ref }) => ref))
  const untold = push.commands.slice(0, maxChanges).filter(({ ref }) => !told.has(ref))
  const done = mayBeHooksWord ? reported.results.filter(({ why }) => why === undefined) : []
  const untoldRefs = reported.count > maxChanges ? [] : untold.map(({ ref }) => ref)
  return [...untoldRefs, ...done.map(({ ref, instead }) => instead.ref ?? ref)]
}

/** The references whose ids must be known before git begins. */
export function deletedRefs(commands: readonly PushCommand[]): string[] {
  return commands
    .slice(0, maxChanges)
    .filter(isDeletion)
    .map(({ ref }) => ref)
}

function changeOf(result: RefResult, command: PushCommand | undefined, known: KnownOfPush): RefChange {
  const { why, instead } = result
  const ref = instead.ref ?? result.ref
  const ids = {
    ...(command && idsOf(command, known)),
    ...(instead.oldId !== undefined && { old: instead.oldId }),
    ...(instead.newId !== undefined && { new: instead.newId }),
  }
  const names = { ref: shownBytes(ref), ...(ref !== result.ref && { asked: shownBytes(result.ref) }) }
  if (why !== undefined) return { ...names, ...ids, result: 'rejected', why: shownBytes(why) }
  if (known.mayBeHooksWord && !isProven(ref, ids.new, known.after)) {
    return { ...names, ...ids, result: 'unknown', ...nowOf(ref, ids.new, known.after) }
  }
  return { ...names, ...ids, result: 'ok' }
}

function unknown(ref: string, command: PushCommand, known: KnownOfPush): RefChange {
  const ids = idsOf(command, known)
  return { ref: shownBytes(ref), ...ids, result: 'unknown', ...nowOf(ref, ids.new, known.after) }
}

function idsOf(command: PushCommand, { before }: KnownOfPush): { old: string; new: string } {
  const [old, id] = [command.oldId.toLowerCase(), command.newId.toLowerCase()]
  const isLookedUp = isDeletion(command) && !isCreation(command) && before.has(command.ref)
  return { old: isLookedUp ? (before.get(command.ref) ?? zeros(old)) : old, new: id }
}

function isProven(ref: string, id: string | undefined, after: KnownOfPush['after']): boolean {
  return id !== undefined && after.has(ref) && (after.get(ref) ?? zeros(id)) === id
}

function nowOf(ref: string, like: string | undefined, after: KnownOfPush['after']): { now?: string } {
  return after.has(ref) ? { now: after.get(ref) ?? zeros(like ?? '0'.repeat(40)) } : {}
}

function zeros(id: string): string {
  return '0'.repeat(id.length)
}
