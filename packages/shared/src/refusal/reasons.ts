/** How a request ended, as logs and metrics name it. */
export type Outcome =
  | 'completed'
  /** The request was not right, or not allowed. */
  | 'refused'
  /** Too much to do, or about to stop: try again. */
  | 'shed'
  | 'client_gone'
  | 'timed_out'
  /** git, or the repository's hooks, said no, or git was killed. */
  | 'git_failed'
  /** Sluice could not do its part. */
  | 'failed'

/**
 * Every reason for which Sluice does not do what a client asked, in one table: a stable code for logs and scripts, the
 * HTTP status (RFC 9110), the outcome, and the sentence that git shows to its user after `remote:`.
 */
export const reasons = {
  bad_address: {
    status: 400,
    outcome: 'refused',
    sentence: 'The address is not valid: it must be percent-encoded UTF-8 without control characters or backslashes.',
  },
  repeated_header: {
    status: 400,
    outcome: 'refused',
    sentence: 'The request has a header twice of which there must be one.',
  },
  two_hosts: {
    status: 400,
    outcome: 'refused',
    sentence: 'The request names two different hosts, in its address and in its Host header.',
  },
  unknown_host: {
    status: 403,
    outcome: 'refused',
    sentence: 'This server is not asked for by this name: add it to SLUICE_HOST_NAMES.',
  },
  cross_site: {
    status: 403,
    outcome: 'refused',
    sentence:
      'A page of another web site asked for this in a browser, which SLUICE_CORS_ORIGINS does not allow. Where a proxy changes the Host header, let it pass it on.',
  },
  bad_name: {
    status: 400,
    outcome: 'refused',
    sentence:
      'The repository name is not valid: no part of it may be empty, "." or "..", start with "-", end in ".lock" or contain a backslash.',
  },
  name_too_long: {
    status: 414,
    outcome: 'refused',
    sentence: 'The repository name is too long: at most 4096 bytes in all, 64 parts, and 240 bytes in each.',
  },
  bad_protocol: {
    status: 400,
    outcome: 'refused',
    sentence: 'The Git-Protocol header is not valid: it must look like "version=2" and have at most 256 bytes.',
  },
  bad_gzip: {
    status: 400,
    outcome: 'refused',
    sentence: 'The request says Content-Encoding: gzip, but its body is not valid gzip.',
  },
  bad_body: {
    status: 400,
    outcome: 'refused',
    sentence: 'The request body is not well-formed: its chunks or its trailers cannot be read.',
  },
  tiny_pieces: {
    status: 400,
    outcome: 'refused',
    sentence: 'The request body comes in thousands of pieces of a few bytes each: send larger ones.',
  },
  bad_pkt_line: {
    status: 400,
    outcome: 'refused',
    sentence: 'The request body is not in pkt-line format, or it was cut short.',
  },
  not_a_git_address: {
    status: 404,
    outcome: 'refused',
    sentence: 'There is no page here. This is a git remote: use it as "git clone <this server>/<repository>.git".',
  },
  repository_missing: {
    status: 404,
    outcome: 'refused',
    sentence: 'There is no repository of this name that you may read.',
  },
  login_required: {
    status: 401,
    outcome: 'refused',
    sentence: 'This needs a log-in: a user name and a password, or a token.',
  },
  login_failed: { status: 401, outcome: 'refused', sentence: 'The user name or the password is wrong.' },
  push_forbidden: { status: 403, outcome: 'refused', sentence: 'You may read this repository, but not push to it.' },
  too_many_logins: {
    status: 429,
    outcome: 'shed',
    sentence: 'Too many log-ins from your address have failed. Please check the password, and try again in a moment.',
  },
  login_busy: {
    status: 503,
    outcome: 'shed',
    sentence: 'The server is busy: too many log-ins wait to be checked. Please try again in a moment.',
  },
  login_unavailable: {
    status: 503,
    outcome: 'failed',
    sentence: 'The server cannot check log-ins at the moment. Please try again in a moment.',
  },
  repository_unreadable: {
    status: 500,
    outcome: 'failed',
    sentence: 'The server may not read this repository. The reason is in its log.',
  },
  create_failed: {
    status: 500,
    outcome: 'failed',
    sentence: 'The repository could not be created. The reason is in the log of the server.',
  },
  cannot_create: {
    status: 409,
    outcome: 'refused',
    sentence: 'A repository cannot be created under this name: a part of it is a file or another repository.',
  },
  not_smart_http: {
    status: 403,
    outcome: 'refused',
    sentence: 'This remote speaks smart HTTP only: the address lacks ?service=git-upload-pack or git-receive-pack.',
  },
  unknown_service: {
    status: 403,
    outcome: 'refused',
    sentence: 'This remote offers the services git-upload-pack and git-receive-pack only.',
  },
  archive_not_offered: {
    status: 403,
    outcome: 'refused',
    sentence:
      'git archive --remote is not offered here: clone the repository ("git clone --depth 1" is enough), and run git archive in the clone.',
  },
  lfs_not_offered: {
    status: 501,
    outcome: 'refused',
    sentence:
      'Git LFS is not offered here: this remote keeps what is in git itself. Files in LFS need a server for them (git config lfs.url), or GIT_LFS_SKIP_SMUDGE=1 to clone without them.',
  },
  service_disabled: {
    status: 403,
    outcome: 'refused',
    sentence: 'This service is switched off for this repository.',
  },
  protected_ref: {
    status: 403,
    outcome: 'refused',
    sentence: 'A reference that this push changes is protected in this repository.',
  },
  too_many_refs: {
    status: 403,
    outcome: 'refused',
    sentence:
      'The push names too many references at once for a repository with protected ones: push them in several parts.',
  },
  wrong_method: { status: 405, outcome: 'refused', sentence: 'This address does not take this HTTP method.' },
  wrong_content_type: {
    status: 415,
    outcome: 'refused',
    sentence: 'The Content-Type does not fit this service.',
  },
  wrong_content_encoding: {
    status: 415,
    outcome: 'refused',
    sentence: 'The Content-Encoding is not supported: send the body as it is or with gzip.',
  },
  body_too_large: {
    status: 413,
    outcome: 'refused',
    sentence: 'The request is too large, once inflated.',
  },
  client_gone: { status: 499, outcome: 'client_gone', sentence: 'The client went away.' },
  queue_full: {
    status: 503,
    outcome: 'shed',
    sentence: 'The server is busy: too many requests are waiting already. Please try again in a moment.',
  },
  queue_timeout: {
    status: 503,
    outcome: 'shed',
    sentence: 'The server is busy: no worker became free in time. Please try again in a moment.',
  },
  client_full: {
    status: 429,
    outcome: 'shed',
    sentence: 'Too many requests from you are under way already. Please try again in a moment.',
  },
  client_late: {
    status: 429,
    outcome: 'shed',
    sentence: 'This request waited too long for others of yours to end. Please try again in a moment.',
  },
  too_many_connections: {
    status: 503,
    outcome: 'shed',
    sentence: 'The server is busy: too many connections are open. Please try again in a moment.',
  },
  no_worker: {
    status: 503,
    outcome: 'failed',
    sentence: 'The server cannot start git at the moment. Please try again in a moment.',
  },
  no_resources: {
    status: 503,
    outcome: 'failed',
    sentence: 'The server has no processes or memory left for git at the moment. Please try again in a moment.',
  },
  hooks_unusable: {
    status: 503,
    outcome: 'failed',
    sentence:
      'The server cannot run the hooks of this repository at the moment, so it takes no pushes to it. Please tell whoever runs it.',
  },
  draining: {
    status: 503,
    outcome: 'shed',
    sentence: 'The server is shutting down. Please try again in a moment.',
  },
  host_unreachable: {
    status: 503,
    outcome: 'failed',
    sentence: 'The host that keeps this repository does not answer. Please try again in a moment.',
  },
  host_failed: {
    status: 502,
    outcome: 'failed',
    sentence: 'The host that keeps this repository broke off before it answered.',
  },
  host_refused: {
    status: 503,
    outcome: 'failed',
    sentence:
      'The host that keeps this repository does not serve this gateway. The reason is in the log of the server.',
  },
  wrong_secret: {
    status: 403,
    outcome: 'refused',
    sentence: 'This host serves its gateways only: the request does not have its secret.',
  },
  wrong_certificate: {
    status: 403,
    outcome: 'refused',
    sentence: 'This host serves its gateways only: the connection has no certificate that it knows.',
  },
  git_failed: {
    status: 500,
    outcome: 'git_failed',
    sentence: 'git failed on the server before it answered. The reason is in the log of the server.',
  },
  git_refused: {
    status: 400,
    outcome: 'refused',
    sentence: 'git did not understand this request, or does not do what it asks.',
  },
  push_rejected: {
    status: 403,
    outcome: 'refused',
    sentence: 'git or a hook of the repository did not take this push, or a part of it.',
  },
  push_too_large: {
    status: 413,
    outcome: 'refused',
    sentence: 'This push is larger than may be pushed to this repository at once.',
  },
  disk_full: {
    status: 507,
    outcome: 'git_failed',
    sentence: 'The disk of the server is full. Please tell whoever runs it.',
  },
  disk_low: {
    status: 507,
    outcome: 'failed',
    sentence:
      'The disk of the server is nearly full, so it takes no pushes; fetching goes on. Please tell whoever runs it.',
  },
  git_killed: {
    status: 500,
    outcome: 'git_failed',
    sentence: 'git was ended on the server before it was done.',
  },
  worker_lost: {
    status: 500,
    outcome: 'failed',
    sentence: 'The process that served this request ended before it was done.',
  },
  idle_timeout: {
    status: 504,
    outcome: 'timed_out',
    sentence: 'Nothing was sent in either direction for too long.',
  },
  git_silent: {
    status: 504,
    outcome: 'timed_out',
    sentence: 'git on the server, or a hook, has said nothing for too long and was ended.',
  },
  slow_upload: {
    status: 408,
    outcome: 'timed_out',
    sentence: 'The request arrived too slowly.',
  },
  slow_download: {
    status: 408,
    outcome: 'timed_out',
    sentence: 'The reply was read too slowly while others waited.',
  },
  request_timeout: {
    status: 504,
    outcome: 'timed_out',
    sentence: 'The request took longer than this server allows.',
  },
  internal: { status: 500, outcome: 'failed', sentence: 'Something went wrong on the server.' },
} as const satisfies Record<string, { status: number; outcome: Outcome; sentence: string }>

export type Reason = keyof typeof reasons

/** The outcome of an exchange that another server refused with this reason, or did not refuse. */
export function outcomeOf(reason: string | undefined): Outcome {
  if (reason === undefined) return 'completed'
  return Object.hasOwn(reasons, reason) ? reasons[reason as Reason].outcome : 'failed'
}

/** The status of this reason; undefined for none, or one of a later version. */
export function statusOf(reason: string | undefined): number | undefined {
  return reason !== undefined && Object.hasOwn(reasons, reason) ? reasons[reason as Reason].status : undefined
}
