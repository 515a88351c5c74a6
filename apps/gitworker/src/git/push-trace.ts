/*
 * What a push's own receive-pack says of what it makes. With GIT_TRACE, git writes down each command before it starts it,
 * with what it changes in its environment (trace_run_command in run-command.c). The first one that receive-pack starts is
 * index-pack or unpack-objects:
 *
 *   22:35:06.337067 run-command.c:655  trace: run_command: GIT_OBJECT_DIRECTORY=… GIT_QUARANTINE_PATH=… git index-pack
 *     --stdin --fix-thin '--keep=receive-pack 32752 on example'
 *
 * Where the client's history is shallow, a file with what would be the server's then comes between `git` and the command:
 * `git --shallow-file /srv/git/project.git/shallow_g8yAQp index-pack …` (unpack in builtin/receive-pack.c).
 *
 * Its words are on disk before anything is in the quarantine, whatever kills git then. Only the first command counts: it
 * comes before any hook, and before anything that a client can put into words (push options, names of references).
 */

export type PushWords = {
  /** Absolute: the folder that git keeps a push's objects in until its hooks agree. */
  readonly quarantine: string
  /** What its `.keep` file says, for a push that index-pack reads. */
  readonly keep?: string
  /** receive-pack's pid, as the `.keep` file has it. */
  readonly pid?: number
  /** Absolute: a temporary file beside HEAD. */
  readonly shallowFile?: string
}

/** @param trace what git has written; undefined where it has not come to a pack, or has not said so in this form */
export function wordsOfPush(trace: string): PushWords | undefined {
  const [, command] = /^\S+ \S+ +trace: run_command: (.*)\n/m.exec(trace) ?? []
  const words = (command?.match(word) ?? []).map(unquote)
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
    // git gives an empty name where nothing would be shallow.
    ...(shallowFile && { shallowFile }),
    ...(keep !== undefined && pid !== undefined && { keep, pid: Number(pid) }),
  }
}

const receivers = new Set(['index-pack', 'unpack-objects'])
const variable = 'GIT_QUARANTINE_PATH='

/** As a shell reads them: sq_quote_buf_pretty in quote.c. */
const word = /(?:[^\s'\\]|'[^']*'|\\.)+/g

function unquote(quoted: string): string {
  return quoted.replaceAll(/'([^']*)'|\\(.)/g, '$1$2')
}
