import type { ReasonRow } from './reason-row.ts'

export const administration = {
  repository_moving: {
    status: 503,
    outcome: 'refused',
    sentence: 'This repository is being renamed or deleted at the moment. Please try again in a moment.',
    advice: 'An operator renames, deletes or restores the repository. Nothing to do.',
  },
  bad_operation: {
    status: 400,
    outcome: 'refused',
    sentence: 'This is not an operation on repositories.',
    advice: 'The body of a request to SLUICE_ADMINISTRATION is not right: see `docs/reference/administration.md`.',
  },
  no_such_operation: {
    status: 404,
    outcome: 'refused',
    sentence: 'There is nothing at this address. docs/reference/administration.md lists all that there is.',
    advice: 'A request to SLUICE_ADMINISTRATION with a wrong path, or from a newer version of the command.',
  },
  operation_too_large: {
    status: 413,
    outcome: 'refused',
    sentence: 'The request body is too large: 64 KiB at most.',
    advice: 'The body of a request to SLUICE_ADMINISTRATION: see `docs/reference/administration.md`.',
  },
  repository_exists: {
    status: 409,
    outcome: 'refused',
    sentence: 'There is a repository of this name already.',
    advice: 'Choose another name, or rename or delete the one that is there.',
  },
  repository_busy: {
    status: 409,
    outcome: 'refused',
    sentence: 'Another operation is at work on this repository. Try again when it is over.',
    advice: 'Two operators, or a gc that runs for long.',
  },
  repository_in_use: {
    status: 409,
    outcome: 'refused',
    sentence: 'Requests are still at work in this repository, so it was left as it is. Try again later.',
    advice: 'A long clone or push: the status page shows it.',
  },
  repository_lends: {
    status: 409,
    outcome: 'refused',
    sentence: 'Other repositories borrow objects from this one.',
    advice: 'Delete its forks first. Those in the trash count until they are purged.',
  },
  borrowers_unknown: {
    status: 409,
    outcome: 'refused',
    sentence: 'It is not known who borrows objects from this repository.',
    advice:
      'A folder, or an `objects/info/alternates`, below the root cannot be read, or says what git would not write. The sentence names it. Let the server read it, or move it out of the root.',
  },
  not_movable: {
    status: 409,
    outcome: 'refused',
    sentence: 'This repository cannot be moved.',
    advice: 'It is reached over a link, has linked work trees, or lies on another disk: see the sentence.',
  },
  not_forkable: {
    status: 409,
    outcome: 'refused',
    sentence: 'This repository cannot lend its objects.',
    advice: 'A shallow or partial repository: see the sentence.',
  },
  half_renamed: {
    status: 500,
    outcome: 'failed',
    sentence: 'It is not known whether the repository was renamed to a name of another host.',
    advice:
      'Its host may have lost its name to another one in the last step of the rename. Nothing is lost: the hosts find out by themselves which of both names stays. Look at both.',
  },
  branch_missing: {
    status: 409,
    outcome: 'refused',
    sentence: 'The repository has no branch of this name.',
    advice: 'Choose one of its branches.',
  },
  trash_missing: {
    status: 404,
    outcome: 'refused',
    sentence: 'The trash has nothing of this name.',
    advice: 'It was restored or purged, or its time was over.',
  },
  no_events: {
    status: 409,
    outcome: 'refused',
    sentence:
      'This host tells nobody of events: it is stopped, or neither SLUICE_EVENTS_FILE nor SLUICE_EVENT_STREAM is set.',
    advice: 'Start the host, or set one of them: see `docs/operate/events.md`.',
  },
  event_missing: {
    status: 404,
    outcome: 'refused',
    sentence: 'The journal has no event of this id.',
    advice: 'It is older than SLUICE_EVENTS_TIME, or of another host.',
  },
  receiver_missing: {
    status: 404,
    outcome: 'refused',
    sentence: 'There is no receiver of this name.',
    advice: 'SLUICE_EVENTS_FILE has the receivers.',
  },
  no_cluster: {
    status: 409,
    outcome: 'refused',
    sentence: 'This host is no member of a cluster (SLUICE_CLUSTER=off), or is stopped.',
    advice: 'Ask a host that runs, of a cluster: see `docs/operate/cluster.md`.',
  },
  no_forcing: {
    status: 409,
    outcome: 'refused',
    sentence:
      'This host is stopped, or has no copies of what other hosts keep (SLUICE_STORAGE=own): nothing can be forced.',
    advice: 'Start the host that is to become primary, and run the command there: see `docs/operate/cluster.md`.',
  },
  not_forcible: {
    status: 409,
    outcome: 'refused',
    sentence: 'This host is no member of its cluster at the moment.',
    advice: 'It does not reach etcd: its log says why. Try again when `/-/cluster` shows it as live.',
  },
  operation_failed: {
    status: 500,
    outcome: 'failed',
    sentence: 'The operation failed. The reason is in the log of the host.',
    advice: 'git or the disk said no: see `err` in the log.',
  },
} as const satisfies Record<string, ReasonRow>
