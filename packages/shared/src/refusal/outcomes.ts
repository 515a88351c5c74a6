type OutcomeRow = {
  /** Of the request's line in the log. */
  readonly level: 'info' | 'warn' | 'error'
  readonly meaning: string
  /** For the operator. */
  readonly advice: string
}

/**
 * How a request can end, as logs and metrics name it. A client that leaves, or asks for what it may not have, is not the
 * server's fault. `npm run docs` makes a part of the reference from this table.
 */
export const outcomes = {
  completed: {
    level: 'info',
    meaning: 'The request was served, and git ended well.',
    advice: 'Nothing to do.',
  },
  refused: {
    level: 'info',
    meaning: 'The request was not right, or not allowed.',
    advice:
      'Usually nothing; `reason` says why. For a push, `rejected` and `said` have what git or a hook gave as the reason.',
  },
  shed: {
    level: 'warn',
    meaning: 'Too many requests were waiting, or the server is stopping. The client may try again.',
    advice: 'A few: nothing. Many: more cores, slots or hosts, or a flood: see `client`.',
  },
  client_gone: {
    level: 'info',
    meaning:
      'The client left before the end. (One that leaves after it was told what became of its push is `completed`.)',
    advice:
      'Nothing. Many at once: a proxy with too short a timeout. `committedAfterDisconnect`: the push took effect all the same.',
  },
  timed_out: {
    level: 'warn',
    meaning: 'A client that was waited for did nothing, or too little; or git was silent for too long.',
    advice: 'See `reason`. Often the network failed.',
  },
  git_failed: {
    level: 'warn',
    meaning: 'git ended with an error or by a signal.',
    advice: 'Read `said` and `stderr` in the line of the host: a damaged repository, a full disk, a lock that stays.',
  },
  failed: {
    level: 'error',
    meaning: 'Sluice could not do its part.',
    advice: 'Act: read `err`.',
  },
} as const satisfies Record<string, OutcomeRow>

export type Outcome = keyof typeof outcomes
