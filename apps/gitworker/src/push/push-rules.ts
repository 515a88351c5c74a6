import { relative } from 'node:path'
import type { Exchange } from '@sluice/shared/exchange/exchange'
import { LoopTurn } from '@sluice/shared/machine/loop-turn'
import type { Protection, RefRules } from '@sluice/shared/git/ref-rules'
import { Refusal } from '@sluice/shared/refusal/refusal'
import { plainName } from '@sluice/shared/git/repository-name'
import type { RunJob } from '../process/job/job.ts'
import { isCreation, isDeletion, PushCommands } from './push-commands.ts'
import type { PushCommand } from './push-commands.ts'
import { isRefName } from '../git/ref-name.ts'
import { keepsRefsInFiles, namesFromGit, namesInFiles } from './ref-target.ts'
import { commonDirOf } from '../repository/repository.ts'
import { protectedRef } from './refused-push.ts'
import type { RequestBody } from '../body/request-body.ts'

/** Some ten thousand commands. With rules, a push with more is refused, since all must be known before git may begin. */
const maxCommandBytes = 1024 * 1024

/** Applies where git has to be asked whether a reference is symbolic, which takes one process each. */
const maxAskedFor = 64

/** In bytes: PATH_MAX. No file can have a longer path, so no reference can have a longer name. */
const maxNameBytes = 4096

/** What the rules say about a push. */
export type PushJudgement = {
  /** Why nothing of it may be done, as a whole and by command. Undefined if git may have it. */
  readonly refused: { readonly refusal: Refusal; readonly objections: ReadonlyMap<PushCommand, string> } | undefined
  readonly push: PushCommands
  /** Whether it changes a branch that may only move forward. Whether it does is git's to find out, with the objects. */
  readonly denyForce: boolean
}

export type JudgedRepository = {
  readonly root: string
  readonly gitDir: string
  /** The name by which it was addressed. */
  readonly name: string
  readonly rulesOf: (names: readonly string[]) => RefRules | undefined
}

/**
 * Judges a push by its commands, before git is started for it. Costs nothing if no rule is about the repository.
 *
 * @throws {Refusal} `bad_gzip`, `repository_unreadable`, or the reason why the exchange ended
 */
export async function judgePush(
  exchange: Exchange,
  { root, gitDir, name, rulesOf }: JudgedRepository,
  body: RequestBody,
  runJob: RunJob,
): Promise<PushJudgement | undefined> {
  // A symbolic link or a work tree gives a repository one more name. The rules for its other names hold as well.
  const commonDir = commonDirOf(gitDir)
  const rules = rulesOf([name, relative(root, gitDir), relative(root, commonDir)])
  if (!rules) return undefined
  const push = new PushCommands()
  const turn = new LoopTurn()
  await body.readOn((beginning) => push.readOn(beginning), maxCommandBytes, exchange.signal)
  if (!push.isWhole && !body.isWhole) return refused(push, new Refusal('too_many_refs'))

  const isInFiles = keepsRefsInFiles(commonDir)
  if (!isInFiles && push.commands.length > maxAskedFor) return refused(push, new Refusal('too_many_refs'))
  const objections = new Map<PushCommand, string>()
  let denyForce = false
  for (const command of push.commands) {
    await turn.letOthers()
    const { ref } = command
    const unusable = whyUnusable(ref)
    if (unusable !== undefined) objections.set(command, unusable)
    // git itself refuses names that are invalid.
    if (unusable !== undefined || !isRefName(ref)) continue
    const names = isInFiles ? namesInFiles(gitDir, commonDir, ref) : await namesFromGit(gitDir, ref, runJob)
    for (const other of names) {
      const protections = rules(other)
      const objection = objectionTo(command, other, protections)
      if (objection !== undefined && !objections.has(command)) objections.set(command, objection)
      denyForce ||= isUpdate(command) && protections.has('no-force')
    }
  }
  if (objections.size === 0) return { refused: undefined, push, denyForce }
  return refused(push, protectedRef(plainName(name), objections), objections)
}

/** Why no rule can be looked up for a name. Undefined if one can. */
function whyUnusable(ref: string): string | undefined {
  if (ref.includes('\uFFFD')) return 'its name is not UTF-8, so that no rule can be looked up for it'
  return Buffer.byteLength(ref) > maxNameBytes ? `its name is longer than ${maxNameBytes} bytes` : undefined
}

/** What the commands alone say. Whether an update is a fast-forward can only be told by git, and it looks at branches only. */
function objectionTo(command: PushCommand, name: string, protections: ReadonlySet<Protection>): string | undefined {
  const whose = name === command.ref ? 'it' : `it stands for ${name}, which`
  if (protections.has('nobody')) return `${whose} must not be pushed to`
  const mustStay = protections.has('no-delete') || protections.has('no-force')
  if (mustStay && isDeletion(command)) return `${whose} must not be deleted`
  const isCompared = isBranch(name) && isBranch(command.ref)
  if (protections.has('no-force') && isUpdate(command) && !isCompared)
    return `${whose} must not be changed once it is there`
  return undefined
}

function isUpdate(command: PushCommand): boolean {
  return !isCreation(command) && !isDeletion(command)
}

/** receive.denyNonFastForwards applies to these only (update in builtin/receive-pack.c). */
function isBranch(ref: string): boolean {
  return ref.startsWith('refs/heads/')
}

function refused(push: PushCommands, refusal: Refusal, objections = new Map<PushCommand, string>()): PushJudgement {
  return { refused: { refusal, objections }, push, denyForce: false }
}
