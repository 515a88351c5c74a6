import { z } from 'zod'
import type { Setting } from '../setting/setting.ts'
import { duration, orOff, size, wholeNumber } from '../setting/values.ts'

/** Limits that the kernel keeps, for each process of a request by itself, or for all of them. */
export const limits = {
  gitMemory: {
    name: 'SLUICE_GIT_MEMORY',
    apps: ['supervisor'],
    takes: 'off, or a size such as 512MiB or 2GiB, of at least 64MiB',
    purpose:
      'How much memory one process may allocate (RLIMIT_DATA). Packs that git maps do not count. pack-objects needs SLUICE_PACK_THREADS × SLUICE_PACK_WINDOW_MEMORY, and the largest object beside that.',
    fallback: 'off',
    schema: orOff(size(64 * 2 ** 20)),
  },
  gitCpuTime: {
    name: 'SLUICE_GIT_CPU_TIME',
    apps: ['supervisor'],
    takes: 'off, or a time such as 30s, 5m or 1h',
    purpose: 'How much processor time one process may use (RLIMIT_CPU), in whole seconds.',
    fallback: 'off',
    schema: orOff(duration(1000)),
  },
  gitFileSize: {
    name: 'SLUICE_GIT_FILE_SIZE',
    apps: ['supervisor'],
    takes: 'off, or a size such as 512MiB or 2GiB, of at least 1MiB',
    purpose: 'How large a file may get that one process writes (RLIMIT_FSIZE). A pushed pack is one file.',
    fallback: 'off',
    schema: orOff(size(2 ** 20)),
  },
  gitOpenFiles: {
    name: 'SLUICE_GIT_OPEN_FILES',
    apps: ['supervisor'],
    takes: 'off, or a whole number from 64 to 1000000',
    purpose: 'How many files one process may have open (RLIMIT_NOFILE). git keeps packs open, up to this number.',
    fallback: 'off',
    schema: orOff(wholeNumber(64, 1_000_000)),
  },
  controlGroups: {
    name: 'SLUICE_CONTROL_GROUPS',
    apps: ['supervisor'],
    takes: 'auto or off',
    purpose:
      'Whether each request has a control group (cgroup v2) of its own, where one is delegated to the supervisor. It is what SLUICE_REQUEST_MEMORY and SLUICE_REQUEST_PROCESSES need.',
    fallback: 'auto',
    schema: z.enum(['auto', 'off']),
  },
  requestMemory: {
    name: 'SLUICE_REQUEST_MEMORY',
    apps: ['supervisor'],
    takes: 'off, or a size such as 512MiB or 2GiB, of at least 64MiB',
    purpose:
      'How much memory all processes of one request may have together (memory.max). The page cache of files that they read counts, but makes room for the rest.',
    fallback: 'off',
    schema: orOff(size(64 * 2 ** 20)),
  },
  requestProcesses: {
    name: 'SLUICE_REQUEST_PROCESSES',
    apps: ['supervisor'],
    takes: 'off, or a whole number from 16 to 1000000',
    purpose:
      'How many processes and threads one request may have at once (pids.max): its worker, git, what that starts, and hooks.',
    fallback: 'off',
    schema: orOff(wholeNumber(16, 1_000_000)),
  },
  gitOomScore: {
    name: 'SLUICE_GIT_OOM_SCORE',
    apps: ['supervisor'],
    takes: 'a whole number from 0 to 1000',
    purpose:
      'What is added to the supervisor’s own oom_score_adj for git, so that the kernel ends a git before the supervisor when memory is short.',
    fallback: '500',
    schema: wholeNumber(0, 1000),
  },
  jobNiceness: {
    name: 'SLUICE_JOB_NICENESS',
    apps: ['supervisor'],
    takes: 'a whole number from 0 to 19',
    purpose:
      'How much nicer the supervisor’s own git commands (init, config, for-each-ref) are to other processes. Some requests wait for them.',
    fallback: '0',
    schema: wholeNumber(0, 19),
  },
} satisfies Record<string, Setting<unknown>>
