import type { ReasonRow } from './reason-row.ts'

export const pushes = {
  repository_unreadable: {
    status: 500,
    outcome: 'failed',
    sentence: 'The server may not read this repository. The reason is in its log.',
    advice: 'File rights, or a failing disk: see `err` in the log.',
  },
  cannot_create: {
    status: 409,
    outcome: 'refused',
    sentence: 'A repository cannot be created under this name: a part of it is a file or another repository.',
    advice: 'A part of the name is a file or a repository, or the name differs from another only in `.git`.',
  },
  create_failed: {
    status: 500,
    outcome: 'failed',
    sentence: 'The repository could not be created. The reason is in the log of the server.',
    advice: 'The disk, or file rights: see `err` in the log.',
  },
  protected_ref: {
    status: 403,
    outcome: 'refused',
    sentence: 'A reference that this push changes is protected in this repository.',
    advice: 'A rule of SLUICE_PROTECTED_REFS: see `docs/operate/push-rules.md`.',
  },
  too_many_refs: {
    status: 403,
    outcome: 'refused',
    sentence:
      'The push names too many references at once for a repository with protected ones: push them in several parts.',
    advice: 'A rule of SLUICE_PROTECTED_REFS: see `docs/operate/push-rules.md`.',
  },
  hooks_unusable: {
    status: 503,
    outcome: 'failed',
    sentence:
      'The server cannot run the hooks of this repository at the moment, so it takes no pushes to it. Please tell whoever runs it.',
    advice:
      'The script that runs hooks is gone or may not be executed (see `err`): a new version was installed in place, and the runtime directory is mounted noexec. Restart.',
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
  repository_full: {
    status: 413,
    outcome: 'refused',
    sentence: 'This repository has no room for this push.',
    advice:
      'The repository is larger than SLUICE_MAX_REPOSITORY, or would be with this push: see `docs/operate/push-rules.md`.',
  },
  read_only: {
    status: 403,
    outcome: 'refused',
    sentence: 'This repository is read-only: it can be fetched from, but not pushed to.',
    advice:
      'SLUICE_READ_ONLY, or `sluice.readOnly` in the configuration of the repository, says so. Nothing to do, unless it should be over.',
  },
  is_mirror: {
    status: 403,
    outcome: 'refused',
    sentence: 'This repository is a mirror: it can be fetched from, but is pushed to at its upstream only.',
    advice: 'SLUICE_MIRRORS_FILE has an entry for it: see `docs/operate/mirrors.md`. Nothing to do.',
  },
  mirror_not_ready: {
    status: 503,
    outcome: 'refused',
    sentence: 'This repository is a mirror whose first copy is not complete yet. Please try again in a moment.',
    advice: 'The first copy takes its time, or its upstream cannot be reached: `sluice mirror list` says which.',
  },
  audit_unavailable: {
    status: 503,
    outcome: 'failed',
    sentence:
      'The server cannot record pushes at the moment, so it takes none; fetching goes on. Please tell whoever runs it.',
    advice:
      'SLUICE_AUDIT_LOG cannot be written (see `err`): the disk is full, or file rights. Pushes are taken again when it can be; no restart is needed.',
  },
  events_unavailable: {
    status: 503,
    outcome: 'failed',
    sentence:
      'The server cannot write its journal of events at the moment, so it takes no changes; fetching goes on. Please tell whoever runs it.',
    advice:
      'The journal of events cannot be written (see `err`): the disk is full, or file rights. Pushes are taken again when it can be; no restart is needed. See `docs/operate/events.md`.',
  },
  not_on_disk: {
    status: 503,
    outcome: 'failed',
    sentence:
      'The disk failed while this push was written, so it cannot be confirmed. Please fetch, and push again if it is missing.',
    advice: 'References have moved, but fsync failed: see `err` in the log, and the kernel’s log for that disk.',
  },
  disk_low: {
    status: 507,
    outcome: 'failed',
    sentence:
      'The disk of the server is nearly full, so it takes no pushes; fetching goes on. Please tell whoever runs it.',
    advice: 'Less is free than SLUICE_MIN_FREE_DISK, or hardly any inodes are. Make room. Reads go on.',
  },
  disk_full: {
    status: 507,
    outcome: 'git_failed',
    sentence: 'The disk of the server is full. Please tell whoever runs it.',
    advice: 'git met a full disk, or a quota. Make room.',
  },
} as const satisfies Record<string, ReasonRow>
