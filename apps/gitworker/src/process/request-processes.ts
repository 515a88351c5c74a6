import type { GitCommand } from '../git/command.ts'
import { environmentOf, processes, ticksNow } from './process-table.ts'
import type { Process } from './process-table.ts'

/*
 * Which processes belong to a request. A pid proves nothing, since pids are used again. Proof is one of these:
 *
 *   the session or group of the request's worker   if that number cannot have been used again. That is so if some member
 *                                                  is older than the request's end: the kernel gives nobody a number that
 *                                                  still has members
 *   the request's word in the environment          for a process that has left the session. Its parent must have ended:
 *                                                  `at` copies environments, too, and what a daemon starts is the daemon's
 *   a parent or a session that belongs to it       for a process that has cleared its environment
 *
 * No process of a request is older than the request.
 */

/** The variable that holds a request's word: it is in the environment of all that the request starts. */
export const wordVariable = 'IN_SLUICE'

/** What identifies the processes of a request. */
export type RequestMark = {
  /** The worker's pid, which is the number of its session and group. */
  readonly leader: number
  /** Random, and the request's own. */
  readonly word: string
  /** When the worker started, in ticks since the boot. No process of the request is older. */
  readonly since: number
  /** When the request was over, in ticks since the boot. Undefined until then. */
  readonly until?: number
  /** Whether the number of its session may have been used again, so that only the word proves anything. */
  readonly isOldNews?: boolean
}

/** The command with the request's word in its environment, and so in that of all that it starts. */
export function withWord(command: GitCommand, { word }: RequestMark): GitCommand {
  return { ...command, env: { ...command.env, [wordVariable]: word } }
}

/** As launcher.c names itself. */
const launcherName = 'sluice-launcher'

/** What is looked at; tests put another in its place. */
export type ProcessTable = {
  processes(): Process[]
  environmentOf(pid: number): string[] | undefined
  ticksNow(): number
}

export const kernelTable: ProcessTable = { processes, environmentOf, ticksNow }

/**
 * The processes of one request, its worker and zombies included.
 *
 * @param known processes that were found to be the request's before. Their parents may have ended since
 */
export function processesOf(mark: RequestMark, known: readonly Process[] = []): Process[] {
  return processesOfAny([mark], kernelTable, known)
}

/** The processes of any of these requests, zombies included. */
export function processesOfAny(
  marks: readonly RequestMark[],
  table: ProcessTable,
  known: readonly Process[] = [],
): Process[] {
  if (marks.length === 0) return []
  const all = table.processes()
  const oldest = marks.reduce((least, { since }) => Math.min(least, since), Infinity)
  const candidates = all.filter(({ startedAt }) => startedAt >= oldest)
  const ours = new Map<number, Process>()
  const add = (process: Process) => void ours.set(process.pid, process)
  const identities = new Set(known.map(identify))
  candidates.filter((process) => identities.has(identify(process))).forEach(add)
  membersOf(marks, candidates, table).forEach(add)
  const adopters = adoptersOf(all)
  carriersOf(marks, candidates, table, adopters).forEach(add)
  const others = new Set(all.filter(({ pid }) => adopters.has(pid)).map(({ session }) => session))
  // A process can only be born into a session; it cannot join one.
  const sessions = new Set(known.map(({ session }) => session))
  for (let before = -1; before < ours.size;) {
    before = ours.size
    for (const { session } of ours.values()) sessions.add(session)
    for (const process of candidates) {
      const isBornThere = sessions.has(process.session) && !others.has(process.session)
      if ((isBornThere || ours.has(process.parent)) && !adopters.has(process.pid)) add(process)
    }
  }
  return [...ours.values()]
}

/** Identifies a process among those with the same pid. */
export function identify({ pid, startedAt }: Process): string {
  return `${pid} ${startedAt}`
}

/** Processes whose session or group has a worker's number, if that number has not been used again. */
function membersOf(marks: readonly RequestMark[], candidates: readonly Process[], table: ProcessTable): Process[] {
  const byLeader = new Map(marks.map((mark) => [mark.leader, mark]))
  const found = new Map<RequestMark, Process[]>()
  for (const process of candidates) {
    const mark = byLeader.get(process.session) ?? byLeader.get(process.group)
    if (!mark || process.startedAt < mark.since) continue
    const members = found.get(mark)
    if (members) members.push(process)
    else found.set(mark, [process])
  }
  const proves = (mark: RequestMark) => (process: Process) =>
    (!mark.isOldNews && process.startedAt < (mark.until ?? Infinity)) || wordOf(process, table) === mark.word
  return [...found].flatMap(([mark, members]) => (members.some(proves(mark)) ? members : []))
}

/** Orphans that have the word of a request in their environment. */
function carriersOf(
  marks: readonly RequestMark[],
  candidates: readonly Process[],
  table: ProcessTable,
  adopters: ReadonlySet<number>,
): Process[] {
  const byWord = new Map(marks.map((mark) => [mark.word, mark]))
  const isOf = (process: Process, mark: RequestMark | undefined) =>
    mark !== undefined && process.startedAt >= mark.since && process.startedAt < (mark.until ?? Infinity)
  const isOurs = (process: Process) => {
    const word = wordOf(process, table)
    return word !== undefined && isOf(process, byWord.get(word))
  }
  return candidates.filter((process) => adopters.has(process.parent) && isOurs(process))
}

function wordOf({ pid }: Process, table: ProcessTable): string | undefined {
  const prefix = `${wordVariable}=`
  const entry = table.environmentOf(pid)?.find((it) => it.startsWith(prefix))
  return entry?.slice(prefix.length) || undefined
}

/**
 * Orphans are given to the nearest ancestor that asks for them, or to PID 1: to the launcher that has forked their worker, or
 * to one of this process's own ancestors.
 */
function adoptersOf(all: readonly Process[]): Set<number> {
  const parentOf = new Map(all.map(({ pid, parent }) => [pid, parent]))
  const launchers = all.filter(({ parent, name }) => parent === process.pid && name === launcherName)
  const found = new Set([1, ...launchers.map(({ pid }) => pid)])
  for (let pid: number | undefined = process.pid; pid !== undefined && !found.has(pid); pid = parentOf.get(pid)) {
    found.add(pid)
  }
  return found
}
