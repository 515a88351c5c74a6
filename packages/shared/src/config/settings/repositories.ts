import { availableParallelism } from 'node:os'
import { z } from 'zod'
import type { Setting } from '../setting/setting.ts'
import { duration, longDuration, orAuto, orOff, size, text, toggle, wholeNumber } from '../setting/values.ts'

export const repositories = {
  root: {
    name: 'SLUICE_ROOT',
    apps: ['supervisor'],
    takes: 'the path of an existing folder',
    purpose:
      'The folder with all repositories. Nothing outside it is ever served. Whoever may write there decides which hooks run.',
    fallback: '/srv/git',
    schema: text(),
  },
  runFolder: {
    name: 'SLUICE_RUN_FOLDER',
    apps: ['supervisor'],
    takes: 'the path of a folder, of this supervisor alone',
    purpose:
      'The runtime directory: what the supervisor keeps while it runs, so that the next one can end what it may have left. Created if missing.',
    fallback: '/run/sluice',
    schema: text(),
  },
  trashTime: {
    name: 'SLUICE_TRASH_TIME',
    apps: ['supervisor'],
    takes: 'a time such as 12h, 7d or 90d, or off',
    purpose:
      'How long a deleted repository stays in the trash, from where it can be restored. off: until somebody purges it by hand. Repositories that are there already keep their time.',
    fallback: '7d',
    schema: orOff(longDuration()),
  },
  archives: {
    name: 'SLUICE_ARCHIVES',
    apps: ['supervisor'],
    takes: 'on or off',
    purpose:
      'Whether whoever may fetch gets archives at addresses such as /team/project.git/archive/main.tar.gz. http.uploadarchive=false in a repository’s configuration turns them off there.',
    fallback: 'on',
    schema: toggle(),
  },
  git: {
    name: 'SLUICE_GIT',
    apps: ['supervisor'],
    takes: 'the name or path of a git 2.34 or newer',
    purpose: 'The git that workers run. A bare name is looked up in PATH.',
    fallback: 'git',
    schema: text(),
  },
  workerRuntime: {
    name: 'SLUICE_WORKER_RUNTIME',
    apps: ['supervisor'],
    formerValues: { bun: 'launcher' },
    takes: 'auto, launcher or node',
    purpose:
      'How workers are started. launcher: forked by a process in C, which Bun compiles at the start. node: one Node for each request, which costs 50 ms of CPU and more. auto: the launcher where it works, else Node.',
    fallback: 'auto',
    schema: z.enum(['auto', 'launcher', 'node']),
  },
  warmWorkers: {
    name: 'SLUICE_WARM_WORKERS',
    apps: ['supervisor'],
    takes: 'auto, or a whole number from 0 to 1000',
    purpose:
      'How many idle workers are kept ready. Each is one process with about 50 kB of private memory; on Node, seven threads and 10 MB.',
    fallback: 'auto',
    fallbackRule: 'as many as fetches may run, but at most 16, or 4 on Node',
    schema: orAuto(wholeNumber(0, 1000)),
  },
  workerStartTimeout: {
    name: 'SLUICE_WORKER_START_TIMEOUT',
    apps: ['supervisor'],
    takes: 'a time such as 500ms, 30s, 5m or 1h',
    purpose: 'How long a worker may take to start before it is replaced.',
    fallback: '30s',
    schema: duration(),
  },
  packThreads: {
    name: 'SLUICE_PACK_THREADS',
    apps: ['supervisor'],
    takes: 'a whole number from 1 to 64',
    purpose:
      'How many threads one pack-objects or index-pack uses (pack.threads), unless the repository’s configuration says otherwise.',
    fallback: String(Math.min(availableParallelism(), 4)),
    fallbackRule: 'cores, at most 4',
    example: '4',
    schema: wholeNumber(1, 64),
  },
  packWindowMemory: {
    name: 'SLUICE_PACK_WINDOW_MEMORY',
    apps: ['supervisor'],
    takes: 'a size such as 512KiB, 32MiB or 1GiB',
    purpose:
      'The memory for the delta window of each of these threads (pack.windowMemory), unless the repository’s configuration says otherwise.',
    fallback: '256MiB',
    schema: size(),
  },
} satisfies Record<string, Setting<unknown>>
