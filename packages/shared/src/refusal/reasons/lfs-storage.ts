import type { ReasonRow } from './reason-row.ts'

export const lfsStorage = {
  lfs_bad_lock: {
    status: 422,
    outcome: 'refused',
    sentence: 'This cannot be locked.',
    advice: 'A path that leads out of a work tree, is longer than 1024 bytes, or has control characters.',
  },
  lfs_lock_exists: {
    status: 409,
    outcome: 'refused',
    sentence: 'This file is locked already.',
    advice: 'The message says by whom. They can unlock it, or anybody who may push, with --force.',
  },
  lfs_lock_needs_login: {
    status: 403,
    outcome: 'refused',
    sentence: 'A lock needs an owner, and you have not logged in. Log in, or work without locks.',
    advice: 'Whoever pushes without a log-in owns no locks. See docs/operate/lfs.md.',
  },
  lfs_lock_missing: {
    status: 404,
    outcome: 'refused',
    sentence: 'There is no such lock. It may have been unlocked already.',
    advice: 'Somebody else was faster. Nothing to do.',
  },
  lfs_lock_of_another: {
    status: 403,
    outcome: 'refused',
    sentence: 'This file is locked by another user. Ask them to unlock it, or unlock it with --force.',
    advice: 'Nothing to do: --force is for locks that were forgotten.',
  },
  lfs_too_many_locks: {
    status: 409,
    outcome: 'refused',
    sentence: 'This repository has as many locks as it may have. Unlock some files first.',
    advice: 'At most 10,000 locks, in at most 2 MiB. Unlock what was forgotten, with --force.',
  },
  lfs_locks_unreadable: {
    status: 500,
    outcome: 'failed',
    sentence: 'The locks of this repository cannot be read. The reason is in the log of the host.',
    advice:
      'The file of locks is damaged, or the disk failed: see `err`. Restore it, or remove it, and with it all locks.',
  },
  lfs_storage_failed: {
    status: 503,
    outcome: 'failed',
    sentence: 'The storage of objects in LFS does not answer as it should. Please try again in a moment.',
    advice: 'S3 cannot be reached, or says no: see `err` in the log, and SLUICE_LFS_S3_*.',
  },
} as const satisfies Record<string, ReasonRow>
