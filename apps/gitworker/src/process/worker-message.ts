import type { GitCommand } from '../git/command.ts'

/** The messages between the supervisor and a worker, over the worker's message channel. */

/** How a command is ended when it has to be. Times are in milliseconds. */
export type Graces = {
  /** From closing git's pipes to SIGTERM. */
  readonly term: number
  /** From SIGTERM to SIGKILL. */
  readonly kill: number
  /**
   * Whether git's standard output stays open when its input is closed, and is read and dropped. A receive-pack that cannot
   * write dies of SIGPIPE and leaves its quarantine behind.
   */
  readonly drain: boolean
}

export type ToWorker =
  | { readonly type: 'serve'; readonly command: GitCommand; readonly graces: Graces }
  /** `term` replaces the command's own grace before SIGTERM. */
  | { readonly type: 'stop'; readonly term: number }

/** How git ended: an exit code or a signal, as from waitpid(2). */
export type GitReport = {
  readonly code: number | null
  readonly signal: string | null
  /** User and system time of git and of all that it waited for, or of the control group. Null if the runtime cannot tell, as on Node. */
  readonly cpuMs: number | null
  /** The largest resident set among these processes. Null if the runtime cannot tell. */
  readonly maxRssBytes: number | null
  /** The most memory that all of them had at once, page cache included. Where a control group tells. */
  readonly memoryPeakBytes?: number
  /** Which limit of the whole request they have run into. */
  readonly exceeded?: 'memory' | 'processes'
}

/** A process that outlived git. `name` is the kernel's, at most 15 bytes. */
export type Leftover = { readonly pid: number; readonly name: string }

const maxLeftovers = 10
const maxNameLength = 64

export type FromWorker =
  | { readonly type: 'ready' }
  | ({ readonly type: 'exited' } & GitReport)
  /** git could not be started. `error` contains errno's name. */
  | { readonly type: 'not_started'; readonly error: string }
  /** Processes that outlived git have been found. Only the first are listed. */
  | { readonly type: 'leftovers'; readonly processes: readonly Leftover[] }
  /** This signal is sent now to all that is left of the request. */
  | { readonly type: 'signalling'; readonly signal: 'SIGTERM' | 'SIGKILL' }

/** Checks a message that has come from a worker. Undefined for what no worker of this version sends. */
export function parseFromWorker(message: unknown): FromWorker | undefined {
  if (typeof message !== 'object' || message === null || !('type' in message)) return undefined
  const m = message as Record<string, unknown>
  switch (m['type']) {
    case 'ready':
      return { type: 'ready' }
    case 'not_started':
      return { type: 'not_started', error: String(m['error']) }
    case 'leftovers':
      return { type: 'leftovers', processes: parseLeftovers(m['processes']) }
    case 'signalling':
      return { type: 'signalling', signal: m['signal'] === 'SIGKILL' ? 'SIGKILL' : 'SIGTERM' }
    case 'exited':
      return {
        type: 'exited',
        code: typeof m['code'] === 'number' ? m['code'] : null,
        signal: typeof m['signal'] === 'string' ? m['signal'] : null,
        cpuMs: typeof m['cpuMs'] === 'number' ? m['cpuMs'] : null,
        maxRssBytes: typeof m['maxRssBytes'] === 'number' ? m['maxRssBytes'] : null,
      }
    default:
      return undefined
  }
}

function parseLeftovers(value: unknown): Leftover[] {
  if (!Array.isArray(value)) return []
  return value.slice(0, maxLeftovers).flatMap((process: Partial<Leftover> | null) => {
    const { pid, name } = process ?? {}
    return typeof pid === 'number' ? [{ pid, name: String(name).slice(0, maxNameLength) }] : []
  })
}
