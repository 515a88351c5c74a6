import type { ReasonRow } from './reason-row.ts'

export const endings = {
  client_gone: {
    status: 499,
    outcome: 'client_gone',
    sentence: 'The client went away.',
    advice: 'The client left. If there are many: a proxy may have too short a timeout.',
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
      'SLUICE_FETCH_AHEAD was used up (or is off), and others waited for the slot: give it more disk, or have more slots. Or SLUICE_PACK_CACHE was used up, and others waited for the rest of the same pack: give it more disk.',
  },
  request_timeout: {
    status: 504,
    outcome: 'timed_out',
    sentence: 'The request took longer than this server allows.',
    advice: 'The request took longer than SLUICE_REQUEST_TIMEOUT.',
  },
  git_failed: {
    status: 500,
    outcome: 'git_failed',
    sentence: 'git failed on the server before it answered. The reason is in the log of the server.',
    advice: 'git ended with an error: see `said` and `stderr` in the log of the host.',
  },
  git_killed: {
    status: 500,
    outcome: 'git_failed',
    sentence: 'git was ended on the server before it was done.',
    advice:
      'git was killed by a signal. Look whether memory is short. If `git.exceeded` in the log is memory, it was SLUICE_REQUEST_MEMORY.',
  },
  git_cpu_time: {
    status: 500,
    outcome: 'git_failed',
    sentence: 'git on the server, or a hook, used more processor time than this server allows, and was ended.',
    advice: 'A process of the request used up SLUICE_GIT_CPU_TIME.',
  },
  git_file_size: {
    status: 413,
    outcome: 'git_failed',
    sentence: 'git on the server, or a hook, had to write a larger file than this server allows, and was ended.',
    advice: 'A process of the request wrote a file up to SLUICE_GIT_FILE_SIZE. Of a push, that is mostly its pack.',
  },
  worker_lost: {
    status: 500,
    outcome: 'failed',
    sentence: 'The process that served this request ended before it was done.',
    advice: 'The worker was killed or has failed. Look whether memory is short.',
  },
  internal: {
    status: 500,
    outcome: 'failed',
    sentence: 'Something went wrong on the server.',
    advice: 'A fault of Sluice: please report it, with `err` from the log.',
  },
} as const satisfies Record<string, ReasonRow>
