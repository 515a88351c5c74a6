import type { ReasonRow } from './reason-row.ts'

export const lfs = {
  lfs_not_offered: {
    status: 501,
    outcome: 'refused',
    sentence:
      'Git LFS is not offered here: this remote keeps what is in git itself. Files in LFS need a server for them (git config lfs.url), or GIT_LFS_SKIP_SMUDGE=1 to clone without them.',
    advice: 'SLUICE_LFS is off. Users of LFS need `lfs.url`, or `GIT_LFS_SKIP_SMUDGE=1`.',
  },
  lfs_unknown_address: {
    status: 404,
    outcome: 'refused',
    sentence: 'There is no such address in the API of Git LFS.',
    advice: 'A client that speaks a later version of the API, or somebody who tries things out.',
  },
  lfs_bad_object_name: {
    status: 422,
    outcome: 'refused',
    sentence: 'The name of an object in LFS is its SHA-256: 64 hexadecimal digits in lower case.',
    advice: 'Not a client of LFS, or a broken one.',
  },
  lfs_bad_request: {
    status: 422,
    outcome: 'refused',
    sentence: 'The body of the request is not the JSON that the API of Git LFS has for it.',
    advice: 'Not a client of LFS, or a broken one.',
  },
  lfs_batch_too_large: {
    status: 413,
    outcome: 'refused',
    sentence:
      'The batch asks for too many objects: at most 1000, in at most 256 KiB. Please set lfs.transfer.batchSize to 100.',
    advice: 'git-lfs asks for 100 objects at once; its user has set lfs.transfer.batchSize to more.',
  },
  lfs_object_missing: {
    status: 404,
    outcome: 'refused',
    sentence: 'There is no such object in the LFS storage of this repository.',
    advice: 'It was never uploaded, or it was pruned. Somebody who has it can run `git lfs push --all`.',
  },
  lfs_object_differs: {
    status: 422,
    outcome: 'refused',
    sentence: 'What was sent is not the object that it was said to be: its SHA-256 or its size differs.',
    advice: 'A broken client or proxy, or a damaged file on the side of the client. Nothing was stored.',
  },
  lfs_object_too_large: {
    status: 413,
    outcome: 'refused',
    sentence: 'The object is larger than what may be uploaded here.',
    advice:
      'Raise SLUICE_MAX_LFS_OBJECT, if such objects are meant to be kept here. S3 takes 5 GiB at most in one request.',
  },
  lfs_bad_range: {
    status: 416,
    outcome: 'refused',
    sentence: 'The object ends before the range that was asked for.',
    advice: 'A client resumes a download of another object, or of one that it has already.',
  },
} as const satisfies Record<string, ReasonRow>
