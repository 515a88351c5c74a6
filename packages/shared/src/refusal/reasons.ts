import type { Outcome } from './outcomes.ts'

type ReasonRow = {
  /** RFC 9110. */
  readonly status: number
  readonly outcome: Outcome
  /** git shows it to its user after `remote:`. */
  readonly sentence: string
  /** What it means to the operator, and what can be done about it. For the reference. */
  readonly advice: string
}

/**
 * Every reason for which Sluice does not do what a client asked. The name is a stable code for logs, metrics and
 * scripts. `npm run docs` makes the reference from this table.
 */
export const reasons = {
  bad_address: {
    status: 400,
    outcome: 'refused',
    sentence: 'The address is not valid: it must be percent-encoded UTF-8 without control characters or backslashes.',
    advice: 'A scanner, or a mistake of the client. Nothing to do.',
  },
  repeated_header: {
    status: 400,
    outcome: 'refused',
    sentence: 'The request repeats a header that it may have only once.',
    advice: 'A broken client or proxy, or somebody who tries things out.',
  },
  two_hosts: {
    status: 400,
    outcome: 'refused',
    sentence: 'The request names two different hosts, in its address and in its Host header.',
    advice: 'A broken client or proxy, or somebody who tries things out.',
  },
  unknown_host: {
    status: 403,
    outcome: 'refused',
    sentence: 'This server does not go by this name: add it to SLUICE_HOST_NAMES.',
    advice: 'Add the name that your proxy passes on to SLUICE_HOST_NAMES. Otherwise, a web page tries to get in.',
  },
  cross_site: {
    status: 403,
    outcome: 'refused',
    sentence:
      'A page of another web site asked for this in a browser, which SLUICE_CORS_ORIGINS does not allow. If a proxy changes the Host header, let it pass the header on.',
    advice: 'If the page may use this remote, name its site in SLUICE_CORS_ORIGINS.',
  },
  bad_name: {
    status: 400,
    outcome: 'refused',
    sentence:
      'The repository name is not valid: no part of it may be empty, "." or "..", start with "-", end in ".lock" or contain a backslash.',
    advice: 'A scanner, or a mistake of the client. Nothing to do.',
  },
  name_too_long: {
    status: 414,
    outcome: 'refused',
    sentence: 'The repository name is too long: at most 4096 bytes in all, 64 parts, and 240 bytes in each.',
    advice: 'A scanner, or a mistake of the client. Nothing to do.',
  },
  bad_protocol: {
    status: 400,
    outcome: 'refused',
    sentence: 'The Git-Protocol header is not valid: it must look like "version=2" and have at most 256 bytes.',
    advice: 'Not a git client, or a proxy that changes requests.',
  },
  bad_gzip: {
    status: 400,
    outcome: 'refused',
    sentence: 'The request says Content-Encoding: gzip, but its body is not valid gzip.',
    advice: 'Not a git client, or a proxy that changes requests.',
  },
  bad_body: {
    status: 400,
    outcome: 'refused',
    sentence: 'The request body is not well-formed: its chunks or its trailers cannot be read.',
    advice: 'Not a git client, or a proxy that changes requests.',
  },
  tiny_pieces: {
    status: 400,
    outcome: 'refused',
    sentence: 'The request body comes in thousands of pieces of a few bytes each: send larger ones.',
    advice: 'Not a git client, or a proxy that changes requests.',
  },
  bad_pkt_line: {
    status: 400,
    outcome: 'refused',
    sentence: 'The request body is not in pkt-line format, or it was cut short.',
    advice: 'Not a git client, or a proxy that changes requests.',
  },
  not_a_git_address: {
    status: 404,
    outcome: 'refused',
    sentence: 'There is no page here. This is a git remote: use it as "git clone <this server>/<repository>.git".',
    advice: 'A scanner or a client of the dumb protocol. A browser that asks for HTML gets a page.',
  },
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
    advice: 'If there are many: somebody guesses, or an old password is in use, in CI say.',
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
    advice: 'More guesses are waiting than may wait, for one client or for one of its users: see `client` in the log.',
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
  repository_unreadable: {
    status: 500,
    outcome: 'failed',
    sentence: 'The server may not read this repository. The reason is in its log.',
    advice: 'File rights, or a failing disk: see `err` in the log.',
  },
  create_failed: {
    status: 500,
    outcome: 'failed',
    sentence: 'The repository could not be created. The reason is in the log of the server.',
    advice: 'The disk, or file rights: see `err` in the log.',
  },
  cannot_create: {
    status: 409,
    outcome: 'refused',
    sentence: 'A repository cannot be created under this name: a part of it is a file or another repository.',
    advice: 'The name is in the way of another, or differs from another only in `.git`.',
  },
  not_smart_http: {
    status: 403,
    outcome: 'refused',
    sentence: 'This remote speaks smart HTTP only: the address lacks ?service=git-upload-pack or git-receive-pack.',
    advice: 'A client of the dumb protocol, which every git since 1.6.6 can do without.',
  },
  unknown_service: {
    status: 403,
    outcome: 'refused',
    sentence: 'This remote offers the services git-upload-pack and git-receive-pack only.',
    advice: 'A scanner. Nothing to do.',
  },
  archive_not_offered: {
    status: 403,
    outcome: 'refused',
    sentence:
      'git archive --remote is not offered here: clone the repository ("git clone --depth 1" is enough), and run git archive in the clone.',
    advice: 'The user clones instead.',
  },
  lfs_not_offered: {
    status: 501,
    outcome: 'refused',
    sentence:
      'Git LFS is not offered here: this remote keeps what is in git itself. Files in LFS need a server for them (git config lfs.url), or GIT_LFS_SKIP_SMUDGE=1 to clone without them.',
    advice: 'The repository was made with LFS elsewhere. Its users need `lfs.url`, or `GIT_LFS_SKIP_SMUDGE=1`.',
  },
  service_disabled: {
    status: 403,
    outcome: 'refused',
    sentence: 'This service is switched off for this repository.',
    advice: '`http.receivepack` or `http.uploadpack` is false in the configuration of the repository.',
  },
  protected_ref: {
    status: 403,
    outcome: 'refused',
    sentence: 'A reference that this push changes is protected in this repository.',
    advice: 'A rule of SLUICE_PROTECTED_REFS: see `docs/push-rules.md`.',
  },
  too_many_refs: {
    status: 403,
    outcome: 'refused',
    sentence:
      'The push names too many references at once for a repository with protected ones: push them in several parts.',
    advice: 'A rule of SLUICE_PROTECTED_REFS: see `docs/push-rules.md`.',
  },
  wrong_method: {
    status: 405,
    outcome: 'refused',
    sentence: 'This address does not take this HTTP method.',
    advice: 'Not a git client, or a proxy that changes requests.',
  },
  wrong_content_type: {
    status: 415,
    outcome: 'refused',
    sentence: 'The Content-Type does not fit this service.',
    advice: 'Not a git client, or a proxy that changes requests.',
  },
  wrong_content_encoding: {
    status: 415,
    outcome: 'refused',
    sentence: 'The Content-Encoding is not supported: send the body as it is or with gzip.',
    advice: 'Not a git client, or a proxy that changes requests.',
  },
  body_too_large: {
    status: 413,
    outcome: 'refused',
    sentence: 'The request is too large, once inflated.',
    advice: 'A fetch request is larger than SLUICE_MAX_FETCH_REQUEST.',
  },
  client_gone: {
    status: 499,
    outcome: 'client_gone',
    sentence: 'The client went away.',
    advice: 'The client left. If there are many: a proxy may have too short a timeout.',
  },
  queue_full: {
    status: 503,
    outcome: 'shed',
    sentence: 'The server is busy: too many requests are waiting already. Please try again in a moment.',
    advice: 'The host is busy: look at the lanes in `/-/status`.',
  },
  queue_timeout: {
    status: 503,
    outcome: 'shed',
    sentence: 'The server is busy: no worker became free in time. Please try again in a moment.',
    advice: 'The host is busy: look at the lanes in `/-/status`.',
  },
  client_full: {
    status: 429,
    outcome: 'shed',
    sentence: 'Too many requests from you are under way already. Please try again in a moment.',
    advice: 'One client or proxy has too much at work. Is SLUICE_TRUSTED_PROXIES set?',
  },
  client_late: {
    status: 429,
    outcome: 'shed',
    sentence: 'This request waited too long for your other requests to end. Please try again in a moment.',
    advice: 'One client or proxy has too much at work. Is SLUICE_TRUSTED_PROXIES set?',
  },
  too_many_connections: {
    status: 503,
    outcome: 'shed',
    sentence: 'The server is busy: too many connections are open. Please try again in a moment.',
    advice: 'SLUICE_MAX_CONNECTIONS, or the limit of descriptors, is reached. A gateway closes idle connections first.',
  },
  no_worker: {
    status: 503,
    outcome: 'failed',
    sentence: 'The server cannot start git at the moment. Please try again in a moment.',
    advice: 'git or a worker cannot be started. Look at SLUICE_GIT; `/readyz` says what is wrong.',
  },
  no_resources: {
    status: 503,
    outcome: 'failed',
    sentence: 'The server has no processes or memory left for git at the moment. Please try again in a moment.',
    advice: 'The limit of processes or of memory is reached. `/readyz` says which.',
  },
  hooks_unusable: {
    status: 503,
    outcome: 'failed',
    sentence:
      'The server cannot run the hooks of this repository at the moment, so it takes no pushes to it. Please tell whoever runs it.',
    advice:
      'The script that runs hooks is gone or may not be executed (see `err`): a new version was installed in place, and the runtime directory is mounted noexec. Restart.',
  },
  draining: {
    status: 503,
    outcome: 'shed',
    sentence: 'The server is shutting down. Please try again in a moment.',
    advice: 'It stops. Behind a balancer, raise SLUICE_DRAIN_DELAY.',
  },
  host_unreachable: {
    status: 503,
    outcome: 'failed',
    sentence: 'The host that keeps this repository does not answer. Please try again in a moment.',
    advice: 'The supervisor was down for SLUICE_HOST_WAIT: see its log.',
  },
  host_failed: {
    status: 502,
    outcome: 'failed',
    sentence: 'The host that keeps this repository broke off before it answered.',
    advice: 'The supervisor broke off: see its log, and look whether a push took effect.',
  },
  host_refused: {
    status: 503,
    outcome: 'failed',
    sentence:
      'The host that keeps this repository does not serve this gateway. The reason is in the log of the server.',
    advice: 'Gateway and host do not know each other: see `docs/tls.md`.',
  },
  wrong_secret: {
    status: 403,
    outcome: 'refused',
    sentence: 'This host serves its gateways only: the request does not have its secret.',
    advice: 'Gateway and host do not know each other: see `docs/tls.md`.',
  },
  wrong_certificate: {
    status: 403,
    outcome: 'refused',
    sentence: 'This host serves its gateways only: the connection has no certificate that it knows.',
    advice: 'Gateway and host do not know each other: see `docs/tls.md`.',
  },
  git_failed: {
    status: 500,
    outcome: 'git_failed',
    sentence: 'git failed on the server before it answered. The reason is in the log of the server.',
    advice: 'git ended with an error: see `said` and `stderr` in the log of the host.',
  },
  git_refused: {
    status: 400,
    outcome: 'refused',
    sentence: 'git did not understand this request, or does not do what it asks.',
    advice: 'A mistake of the client, such as `not our ref`: see `said` in the log of the host.',
  },
  push_rejected: {
    status: 403,
    outcome: 'refused',
    sentence: 'git, or a hook of the repository, rejected this push or a part of it.',
    advice:
      'A hook, a rule of the repository or a check of git said no. Nothing to do; `rejected` and `said` in the log have the details.',
  },
  push_too_large: {
    status: 413,
    outcome: 'refused',
    sentence: 'This push is larger than this repository takes at once.',
    advice: 'The pack is larger than SLUICE_MAX_PUSH, or than `receive.maxInputSize` of the repository.',
  },
  disk_full: {
    status: 507,
    outcome: 'git_failed',
    sentence: 'The disk of the server is full. Please tell whoever runs it.',
    advice: 'git met a full disk, or a quota. Make room.',
  },
  disk_low: {
    status: 507,
    outcome: 'failed',
    sentence:
      'The disk of the server is nearly full, so it takes no pushes; fetching goes on. Please tell whoever runs it.',
    advice: 'Less is free than SLUICE_MIN_FREE_DISK, or hardly any inodes are. Make room. Reads go on.',
  },
  git_killed: {
    status: 500,
    outcome: 'git_failed',
    sentence: 'git was ended on the server before it was done.',
    advice: 'git was killed by a signal. Look whether memory is short.',
  },
  worker_lost: {
    status: 500,
    outcome: 'failed',
    sentence: 'The process that served this request ended before it was done.',
    advice: 'The worker was killed or has failed. Look whether memory is short.',
  },
  idle_timeout: {
    status: 504,
    outcome: 'timed_out',
    sentence: 'Nothing was sent in either direction for too long.',
    advice: 'The client, or the network to it, did nothing for SLUICE_IDLE_TIMEOUT.',
  },
  git_silent: {
    status: 504,
    outcome: 'timed_out',
    sentence: 'git on the server, or a hook, has said nothing for too long and was ended.',
    advice: 'git or a hook worked for SLUICE_SILENT_GIT_TIMEOUT without a byte: a disk that hangs, or a hook.',
  },
  slow_upload: {
    status: 408,
    outcome: 'timed_out',
    sentence: 'The request arrived too slowly.',
    advice: 'The client sent less than SLUICE_MIN_UPLOAD_RATE, or its headers took too long.',
  },
  slow_download: {
    status: 408,
    outcome: 'timed_out',
    sentence: 'The reply was read too slowly while other requests waited.',
    advice:
      'SLUICE_FETCH_AHEAD was used up (or is off), and others waited for the slot: give it more disk, or have more slots.',
  },
  request_timeout: {
    status: 504,
    outcome: 'timed_out',
    sentence: 'The request took longer than this server allows.',
    advice: 'The request took longer than SLUICE_REQUEST_TIMEOUT.',
  },
  internal: {
    status: 500,
    outcome: 'failed',
    sentence: 'Something went wrong on the server.',
    advice: 'A fault of Sluice: please report it, with `err` from the log.',
  },
} as const satisfies Record<string, ReasonRow>

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
