import type { PushResults, RefResult } from '@sluice/shared/git/push-results'
import { shownBytes } from '../audit/audit-line.ts'
import type { RefChange } from '../operations/ref-change.ts'
import { isCreation, isDeletion } from './push-commands.ts'
import type { PushCommand, PushCommands } from './push-commands.ts'

/** What may be known of a push. In all names, each character stands for a byte. */
export type KnownOfPush = {
  /** What was asked for, as far as it has been read. */
  readonly push: Pick<PushCommands, 'commands'>
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
  const commands = Map.groupBy(push.commands, ({ ref }) => ref)
  const told = reported.results.map((result) => changeOf(result, nextOf(commands.get(result.ref)), known))
  const untold = untoldCommands(known).map((command) => unknown(command, known))
  const refs = [...told, ...untold].slice(0, maxChanges)
  return { refs, more: Math.max(push.commands.length, reported.count, refs.length) - refs.length }
}

/** A hook may report several changes for one command. */
function nextOf(commands: PushCommand[] | undefined): PushCommand | undefined {
  return commands && commands.length > 1 ? commands.shift() : commands?.[0]
}

/** The commands of which the report says nothing. A report of more than a hundred is taken to be whole. */
function untoldCommands({ push, reported }: Pick<KnownOfPush, 'push' | 'reported'>): PushCommand[] {
  if (reported.count > maxChanges) return []
  const told = new Set(reported.results.map(({ ref }) => ref))
  return push.commands.slice(0, maxChanges).filter(({ ref }) => !told.has(ref))
}

/** The references whose results cannot be told without a look at what they are now. */
export function unprovenRefs(known: Omit<KnownOfPush, 'before' | 'after'>): string[] {
  const claimed = known.mayBeHooksWord ? known.reported.results.filter(({ why }) => why === undefined) : []
  return [...untoldCommands(known).map(({ ref }) => ref), ...claimed.map(({ ref, instead }) => instead.ref ?? ref)]
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
  const asked = command && idsOf(command, known)
  const ids: { old?: string; new?: string } = {
    // Of another reference, only the hook can tell what it was.
    ...(asked && (ref === result.ref ? asked : { new: asked.new })),
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

function unknown(command: PushCommand, known: KnownOfPush): RefChange {
  const { ref } = command
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
