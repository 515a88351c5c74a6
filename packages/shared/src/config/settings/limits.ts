import type { Setting } from './setting.ts'
import { duration, orOff, size, wholeNumber } from './values.ts'

/** Limits that the kernel keeps, for each process of a request by itself. */
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
