import { readFileSync, writeFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { Limits, ResourceLimit } from './worker-frames.ts'

/** What one process of a request may use, as configured. Bytes and milliseconds; undefined is no limit. */
export type GitLimits = {
  readonly gitMemory: number | undefined
  readonly gitCpuTime: number | undefined
  readonly gitFileSize: number | undefined
  readonly gitOpenFiles: number | undefined
  /** Is added to the supervisor's own. */
  readonly gitOomScore: number
}

/** The numbers of <asm-generic/resource.h>: those of Linux on x86-64 and arm64. */
const resources = { cpu: 0, fileSize: 1, data: 2, core: 4, openFiles: 7 } as const

/** At the soft limit comes SIGXCPU, which names the reason. SIGKILL, at the hard one, does not. */
const secondsToEnd = 5

/**
 * Memory is limited by RLIMIT_DATA, which counts what a process allocates. RLIMIT_AS would also count the packs that git maps,
 * and end a clone of a large repository that allocates little.
 */
export function limitsFor(
  { gitMemory, gitCpuTime, gitFileSize, gitOpenFiles, gitOomScore }: GitLimits,
  log: Logger,
): Limits {
  const seconds = gitCpuTime === undefined ? undefined : Math.ceil(gitCpuTime / 1000)
  // The signals of these two would write a core file.
  const noCore = seconds === undefined && gitFileSize === undefined ? undefined : 0
  return {
    resources: [
      ...limit(resources.data, gitMemory),
      ...limit(resources.cpu, seconds, secondsToEnd),
      ...limit(resources.fileSize, gitFileSize),
      ...limit(resources.openFiles, gitOpenFiles),
      ...limit(resources.core, noCore),
    ],
    oomScoreAdj: gitOomScore === 0 ? 0 : oomScoreAdj(gitOomScore, log),
  }
}

/** @returns a niceness that is by so much more than the supervisor's own; 0 to leave that */
export function nicenessFor(more: number): number {
  return more === 0 ? 0 : Math.min(19, getPriority() + more)
}

function limit(resource: number, soft: number | undefined, beyond = 0): ResourceLimit[] {
  return soft === undefined ? [] : [{ resource, soft: BigInt(soft), hard: BigInt(soft + beyond) }]
}

const ownScore = '/proc/self/oom_score_adj'
const highestScore = 1000

/** @returns 0 where no process may write its own, as where /proc is read-only: no request fails because of that */
function oomScoreAdj(more: number, log: Logger): number {
  try {
    const own = readFileSync(ownScore, 'latin1').trim()
    writeFileSync(ownScore, own)
    return Math.min(highestScore, Number(own) + more)
  } catch (error) {
    log.warn(
      { err: error },
      'the kernel may end the supervisor before git when memory is short: oom_score_adj cannot be set',
    )
    return 0
  }
}
