import { closeSync, fstatSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { identityOf } from './process-table.ts'
import type { RequestMark } from './request-processes.ts'
import { temporaryPacksOf, wordsOfPush } from '../git/push-trace.ts'
import type { PushWords } from '../git/push-trace.ts'

/*
 * A note of a request that is being served, or of a repack: one line of our own, followed by the trace of git (GIT_TRACE):
 *
 *   {"worker":"4711 123456 boot","word":"…","gitDir":"/srv/git/project.git"}
 *   22:35:06.337067 run-command.c:655  trace: run_command: … git index-pack …
 *
 * If supervisor, worker and git are killed, nothing else says what the push has left.
 */

export type RequestNote = Disposable & {
  /** Undefined if it could not be written. */
  readonly file: string | undefined
}

/** What a note says. */
export type Noted = {
  readonly worker?: string
  /** The request's word, which all its processes have in their environment. */
  readonly word?: string
  /** The repository in which a push may have left something. */
  readonly gitDir?: string
  readonly words?: PushWords | undefined
  /** Set for a command of the supervisor's own that repacks: files that it makes are no older. Milliseconds since 1970. */
  readonly repacksSince?: number
  /** Set for a command of the supervisor's own that fetches: files that it makes are no older. Milliseconds since 1970. */
  readonly fetchesSince?: number
  /** The beginning of the names of temporary packs that a repack may have left: absolute. */
  readonly temporaryPacks?: string | undefined
}

/** Only the beginning of the trace matters. git may go on to write much more. */
const maxBytes = 64 * 1024
const trimEveryMs = 1000

/**
 * Writes a note on what a worker serves. Disposing of it removes it.
 *
 * @param since what is to say when it was begun; undefined for a client's request
 */
export function writeNote(
  file: string,
  { leader, word }: RequestMark,
  gitDir: string | undefined,
  since?: 'repacksSince' | 'fetchesSince',
): RequestNote {
  try {
    const made = openSync(file, 'w')
    try {
      const noted: Noted = {
        worker: identityOf(leader) ?? '',
        word,
        ...(gitDir !== undefined && { gitDir }),
        // Not the time of day: files get the time of the kernel's last tick, which is some milliseconds before that.
        ...(since && { [since]: fstatSync(made).mtimeMs }),
      }
      writeFileSync(made, `${JSON.stringify(noted)}\n`)
    } finally {
      closeSync(made)
    }
  } catch {
    // A full disk must not stop the service. If a push without a note is killed, what it leaves is not removed.
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

/** git appends, so that it goes on at the file's new end. */
function trim(file: string): void {
  try {
    if (statSync(file).size > maxBytes) truncateSync(file, maxBytes)
  } catch {
    // It has been removed or moved.
  }
}

export function readNote(file: string): Noted {
  try {
    const [line = '', ...trace] = readFileSync(file, 'utf8').split(/(?<=\n)/)
    const { worker, word, gitDir, repacksSince, fetchesSince } = JSON.parse(line) as Record<string, unknown>
    const words = wordsOfPush(trace.join(''))
    return {
      ...(typeof worker === 'string' && { worker }),
      ...(typeof word === 'string' && { word }),
      ...(typeof gitDir === 'string' && { gitDir }),
      ...(typeof repacksSince === 'number' && { repacksSince }),
      ...(typeof fetchesSince === 'number' && { fetchesSince }),
      words,
      temporaryPacks: temporaryPacksOf(trace.join('')),
    }
  } catch {
    return {} // It was cut short by a full disk or a crash.
  }
}
