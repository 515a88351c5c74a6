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

/** So many references of a push are told of by default. */
export const usualMost = 100

/**
 * What git did with each reference of a push, in its order, as far as it is certain.
 *
 * - `ok` is git's own word. git compares the old id of an update or a creation while it holds the lock, so that one is
 *   true as well. The old id of a deletion is compared only if git has such an object; so it is looked up before.
 * - Where git has said nothing, the result is `unknown`, and `now` tells what there is.
 *
 * @param most how many are told of
 * @returns these, and how many more references the push had
 */
export function refChanges(known: KnownOfPush, most = usualMost): { refs: RefChange[]; more: number } {
  const { push, reported } = known
  const told = toldOf(known)
  // Several commands may be about one reference.
  const before = new Map(known.before)
  const changes = told.map(({ result, command }) => {
    const change = changeOf(result, command, { ...known, before })
    if (command && change.result === 'ok') before.set(command.ref, isDeletion(command) ? undefined : command.newId)
    return change
  })
  const untold = untoldCommands(known, told, most).map((command) => unknown(command, known))
  const refs = [...changes, ...untold].slice(0, most)
  return { refs, more: Math.max(push.commands.length, reported.count, refs.length) - refs.length }
}

/** A result, with the command that it is about, if that was read. */
type Told = { readonly result: RefResult; readonly command: PushCommand | undefined }

/**
 * git reports in the order of the commands, and a hook may report several changes for one. Only the command tells where the
 * name ends: git refuses names with spaces, and puts them into its report as they are.
 */
function toldOf({ push: { commands }, reported }: Pick<KnownOfPush, 'push' | 'reported'>): Told[] {
  let next = 0
  return reported.results.map((result) => {
    const isNext = (command: PushCommand | undefined) => command !== undefined && isAbout(result, command.ref)
    const again = commands[next - 1]
    if (!isNext(commands[next]) && isNext(again)) return toldBy(result, again)
    const found = commands.findIndex((command, index) => index >= next && isNext(command))
    if (found !== -1) next = found + 1
    return toldBy(result, found === -1 ? commands.find(isNext) : commands[found])
  })
}

/** What is remembered of a long line is its beginning. */
function isAbout({ ref, why }: RefResult, name: string): boolean {
  if (why === undefined) return ref === name
  const text = `${ref} ${why}`
  return text.startsWith(`${name} `) || name.startsWith(text)
}

function toldBy(result: RefResult, command: PushCommand | undefined): Told {
  const { ref, why } = result
  if (!command || why === undefined) return { result, command }
  return { result: { ...result, ref: command.ref, why: `${ref} ${why}`.slice(command.ref.length + 1) }, command }
}

/** The commands of which the report says nothing. A report of more than are told of is taken to be whole. */
function untoldCommands(
  { push, reported }: Pick<KnownOfPush, 'push' | 'reported'>,
  told: readonly Told[],
  most: number,
): PushCommand[] {
  if (reported.count > most) return []
  const commands = new Set(told.map(({ command }) => command))
  return push.commands.slice(0, most).filter((command) => !commands.has(command))
}

/** The references whose results cannot be told without a look at what they are now. */
export function unprovenRefs(known: Omit<KnownOfPush, 'before' | 'after'>): string[] {
  const claimed = known.mayBeHooksWord ? known.reported.results.filter(({ why }) => why === undefined) : []
  return [
    ...untoldCommands(known, toldOf(known), usualMost).map(({ ref }) => ref),
    ...claimed.map(({ ref, instead }) => instead.ref ?? ref),
  ]
}

/** The references whose ids must be known before git begins. */
export function deletedRefs(commands: readonly PushCommand[]): string[] {
  return commands
    .slice(0, usualMost)
    .filter(isDeletion)
    .map(({ ref }) => ref)
}

function changeOf(result: RefResult, command: PushCommand | undefined, known: KnownOfPush): RefChange {
  const { why, instead } = result
  const ref = instead.ref ?? result.ref
  const asked = command && idsOf(command, known)
  const ids: { old?: string; new?: string; said?: string } = {
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

function idsOf(command: PushCommand, { before }: KnownOfPush): { old: string; new: string; said?: string } {
  const [old, id] = [command.oldId.toLowerCase(), command.newId.toLowerCase()]
  if (!isDeletion(command) || !before.has(command.ref)) return { old, new: id }
  const found = before.get(command.ref) ?? zeros(old)
  return { old: found, new: id, ...(old !== found && !isCreation(command) && { said: old }) }
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
