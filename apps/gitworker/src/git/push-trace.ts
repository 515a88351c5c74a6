/*
 * The trace of receive-pack tells which temporary files a push makes. With GIT_TRACE, git writes down each command before it
 * starts it, with the changes to its environment (trace_run_command in run-command.c). The first command that receive-pack
 * starts is index-pack or unpack-objects:
 *
 *   22:35:06.337067 run-command.c:655  trace: run_command: GIT_OBJECT_DIRECTORY=… GIT_QUARANTINE_PATH=… git index-pack
 *     --stdin --fix-thin '--keep=receive-pack 32752 on example'
 *
 * If the client's history is shallow, the command has an option with a file that holds the new shallow boundaries:
 * `git --shallow-file /srv/git/project.git/shallow_g8yAQp index-pack …` (unpack in builtin/receive-pack.c).
 *
 * The trace is on disk before anything is in the quarantine, whatever kills git later. Only the first command counts: it
 * comes before any hook, and before any text that a client can choose (push options, names of references).
 */

export type PushWords = {
  /** Absolute: the folder in which git keeps the objects of a push until its hooks agree. */
  readonly quarantine: string
  /** The text in its `.keep` file, if index-pack reads the push. */
  readonly keep?: string
  /** The pid of receive-pack, from the `.keep` file. */
  readonly pid?: number
  /** Absolute: a temporary file beside HEAD. */
  readonly shallowFile?: string
}

/** @returns undefined if git has not come to a pack yet, or if the trace has another form */
export function wordsOfPush(trace: string): PushWords | undefined {
  const words = firstCommandIn(trace)
  const program = words.indexOf('git')
  const isShallow = words[program + 1] === '--shallow-file'
  const shallowFile = isShallow ? words[program + 2] : undefined
  if (!receivers.has(words[program + (isShallow ? 3 : 1)] ?? '')) return undefined
  const quarantine = words.slice(0, program).find((set) => set.startsWith(variable))
  if (quarantine === undefined) return undefined
  const keep = words.find((argument) => argument.startsWith('--keep='))?.slice('--keep='.length)
  const pid = /^receive-pack (\d+) on /.exec(keep ?? '')?.[1]
  return {
    quarantine: quarantine.slice(variable.length),
    // The name is empty if nothing is shallow in the end.
    ...(shallowFile && { shallowFile }),
    ...(keep !== undefined && pid !== undefined && { keep, pid: Number(pid) }),
  }
}

/**
 * The beginning of the names of the packs that a `git repack` is writing, absolute: it starts
 * `git pack-objects … /srv/git/project.git/objects/pack/.tmp-4711-pack …` (builtin/repack.c).
 *
 * @returns undefined if the first command in the trace is another
 */
export function temporaryPacksOf(trace: string): string | undefined {
  const words = firstCommandIn(trace)
  if (words[words.indexOf('git') + 1] !== 'pack-objects') return undefined
  return words.find((argument) => /\/\.tmp-\d+-pack$/.test(argument))
}

/** Its words, with the changes to its environment before `git`. */
function firstCommandIn(trace: string): string[] {
  const [, command] = /^\S+ \S+ +trace: run_command: (.*)\n/m.exec(trace) ?? []
  return (command?.match(word) ?? []).map(unquote)
}

const receivers = new Set(['index-pack', 'unpack-objects'])
const variable = 'GIT_QUARANTINE_PATH='

/** Quoted for a shell: sq_quote_buf_pretty in quote.c. */
const word = /(?:[^\s'\\]|'[^']*'|\\.)+/g

function unquote(quoted: string): string {
  return quoted.replaceAll(/'([^']*)'|\\(.)/g, '$1$2')
}
