import { Refusal } from '@sluice/shared/refusal/refusal'
import { errorLines } from '../../git/messages.ts'
import { JobError } from '../../process/job/job.ts'

/** Why a run of a mirror failed: for metrics, so there are few. */
export type MirrorFailure = keyof typeof advice

/** What an operator can do about it. */
const advice = {
  unreachable: 'The upstream cannot be reached.',
  refused: 'The upstream wants other credentials, or none of these may read there.',
  not_found: 'The upstream has no such repository.',
  redirected:
    'The upstream redirects to another address. Redirects are not followed: name the address that it leads to in the file.',
  upstream_failed: 'The upstream answers with an error of its own.',
  stalled: 'The upstream has sent nothing, or too little, for too long (min_rate, stall).',
  late: 'The run took longer than its timeout.',
  cut: 'The upstream has ended the connection in the middle.',
  bad_objects: 'The upstream has sent objects that are damaged, or that the checks do not allow (check_objects).',
  bad_answer: 'The upstream does not answer as a git server does.',
  empty: 'The upstream shows none of these references. What is here is kept.',
  too_many: 'The upstream has more references than a mirror may have.',
  too_large: 'The repository is larger than SLUICE_MAX_REPOSITORY, or would be.',
  disk_low: 'The disk is nearly full.',
  taken: 'There is a repository of this name that is no mirror of this upstream.',
  credentials: 'The credentials cannot be read.',
  format: 'The upstream now names objects by another hash function. Delete the repository here, and it is copied anew.',
  busy: 'It has given way, and is tried again in a moment.',
  failed: 'git has failed.',
} as const

export class MirrorError extends Error {
  override readonly name = 'MirrorError'
  readonly failure: MirrorFailure

  /** @param said more about it, such as git's own words */
  constructor(failure: MirrorFailure, said = '', cause?: unknown) {
    super(said === '' ? advice[failure] : `${advice[failure]} ${said}`, { cause })
    this.failure = failure
  }
}

/** @param timeout milliseconds */
export function longerThan(timeout: number): MirrorError {
  return new MirrorError('late', `It may take ${timeout / 1000} s.`)
}

/** @param wait milliseconds */
export function notShownIn(wait: number): MirrorError {
  return new MirrorError('stalled', `It has not shown its references in ${wait / 1000} s.`)
}

/** What any error of a run means. */
export function mirrorErrorOf(error: unknown): MirrorError {
  if (error instanceof MirrorError) return error
  if (error instanceof JobError) {
    const said = errorLines(error.message).slice(0, 500)
    return new MirrorError(
      failureIn(error.message),
      `git says: ${said === '' ? error.message.slice(-300) : said}`,
      error,
    )
  }
  if (error instanceof Refusal) {
    if (error.cause instanceof JobError || error.cause instanceof MirrorError) return mirrorErrorOf(error.cause)
    return new MirrorError(error.outcome === 'failed' ? 'failed' : 'busy', error.sentence, error)
  }
  return new MirrorError('failed', error instanceof Error ? error.message : String(error), error)
}

/** In git's words, and in those of libcurl: http.c, remote-curl.c, fetch-pack.c and index-pack.c (git 2.39 to 2.55). */
const words: readonly (readonly [RegExp, MirrorFailure])[] = [
  [/returned error: 3\d\d/, 'redirected'],
  [
    /Authentication failed|returned error: 40[137]|could not read (?:Username|Password)|terminal prompts disabled/,
    'refused',
  ],
  [/returned error: 404|repository '.*' not found|does not appear to be a git repository/, 'not_found'],
  [/returned error: [45]\d\d/, 'upstream_failed'],
  [/Operation too slow/, 'stalled'],
  [/mismatched algorithms|object format|unknown object format/, 'format'],
  [
    /fsck error|error in object|Error in object|missing blob|bad object|did not send all necessary objects|pack is corrupted|inflate/,
    'bad_objects',
  ],
  [/early EOF|transfer closed|Recv failure|hung up|RPC failed|disconnect/, 'cut'],
  [
    /Could(?: not|n't) (?:resolve|connect)|Failed to connect|Connection (?:refused|timed out)|SSL|certificate/i,
    'unreachable',
  ],
  [
    /not valid: is this a git repository|protocol error|invalid server response|bad line length|expected /,
    'bad_answer',
  ],
]

function failureIn(text: string): MirrorFailure {
  return words.find(([pattern]) => pattern.test(text))?.[1] ?? 'failed'
}
