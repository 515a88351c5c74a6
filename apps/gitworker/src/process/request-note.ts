import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { identityOf } from './process-table.ts'
import type { RequestMark } from './request-processes.ts'
import { wordsOfPush } from '../git/push-trace.ts'
import type { PushWords } from '../git/push-trace.ts'

/*
 * A note of a request that is served: one line of our own, and behind it what git says of what it starts (GIT_TRACE):
 *
 *   {"worker":"4711 123456 boot","word":"…","gitDir":"/srv/git/project.git"}
 *   22:35:06.337067 run-command.c:655  trace: run_command: … git index-pack …
 *
 * It is all that is left of a push whose supervisor, worker and git were killed.
 */

export type RequestNote = Disposable & {
  /** Undefined where it could not be written. */
  readonly file: string | undefined
}

/** What a note says. */
export type Noted = {
  readonly worker?: string
  /** What everything that it started has in its environment. */
  readonly word?: string
  /** Where a push may have left something. */
  readonly gitDir?: string
  readonly words?: PushWords | undefined
}

/** git's first words are what counts. Hooks' git commands may go on to write much more. */
const maxBytes = 64 * 1024
const trimEveryMs = 1000

/** Notes that a worker serves, until disposed of. */
export function writeNote(file: string, { leader, word }: RequestMark, gitDir: string | undefined): RequestNote {
  try {
    const noted: Noted = { worker: identityOf(leader) ?? '', word, ...(gitDir !== undefined && { gitDir }) }
    writeFileSync(file, `${JSON.stringify(noted)}\n`)
  } catch {
    // A full disk must not stop service. What such a push leaves when it is killed is left to its age.
    return { file: undefined, [Symbol.dispose]: () => rmSync(file, { force: true }) }
  }
  const trimming = gitDir === undefined ? undefined : setInterval(() => trim(file), trimEveryMs).unref()
  return {
    file,
    [Symbol.dispose]() {
      clearInterval(trimming)
      rmSync(file, { force: true })
    },
  }
}

/** git appends, so its next word follows where the file ends now. */
function trim(file: string): void {
  try {
    if (statSync(file).size > maxBytes) truncateSync(file, maxBytes)
  } catch {
    // It has been put away.
  }
}

export function readNote(file: string): Noted {
  try {
    const [line = '', ...trace] = readFileSync(file, 'utf8').split(/(?<=\n)/)
    const { worker, word, gitDir } = JSON.parse(line) as Record<string, unknown>
    const words = wordsOfPush(trace.join(''))
    return {
      ...(typeof worker === 'string' && { worker }),
      ...(typeof word === 'string' && { word }),
      ...(typeof gitDir === 'string' && { gitDir }),
      words,
    }
  } catch {
    return {} // Cut short, by a full disk or a crash.
  }
}
