import type { ReasonRow } from './reason-row.ts'

export const access = {
  repository_missing: {
    status: 404,
    outcome: 'refused',
    sentence: 'There is no repository of this name that you may read.',
    advice: 'There is no such repository, or this user may not read it, or a push to a new name creates no reference.',
  },
  login_required: {
    status: 401,
    outcome: 'refused',
    sentence: 'This needs a log-in: a user name and a password, or a token.',
    advice: 'Every first request of git gets this. Nothing to do.',
  },
  login_failed: {
    status: 401,
    outcome: 'refused',
    sentence: 'The user name or the password is wrong.',
    advice: 'If there are many: somebody guesses, or an old password is in use, for example in CI.',
  },
  push_forbidden: {
    status: 403,
    outcome: 'refused',
    sentence: 'You may read this repository, but not push to it.',
    advice: 'A user with the right to read has tried to push.',
  },
  too_many_logins: {
    status: 429,
    outcome: 'shed',
    sentence: 'Too many log-ins from your address have failed. Please check the password, and try again in a moment.',
    advice: 'Too many attempts wait, for one client or for one of its users: see `client` in the log.',
  },
  login_busy: {
    status: 503,
    outcome: 'shed',
    sentence: 'The server is busy: too many log-ins wait to be checked. Please try again in a moment.',
    advice: 'More log-ins come than can be checked: use cheaper hashes, more gateways, or tokens.',
  },
  login_unavailable: {
    status: 503,
    outcome: 'failed',
    sentence: 'The server cannot check log-ins at the moment. Please try again in a moment.',
    advice: 'The key set or the access service does not answer: see the log of the gateway.',
  },
} as const satisfies Record<string, ReasonRow>
