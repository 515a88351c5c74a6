import { availableParallelism } from 'node:os'
import { z } from 'zod'
import { parseAddress } from './address.ts'

/**
 * Every SLUICE_* variable of both applications. One environment may serve both, so each application knows the names of
 * all and reads those that are its own; the table in the README is made from this file.
 */

type App = 'gateway' | 'supervisor'

export type Setting<T> = {
  readonly name: `SLUICE_${string}`
  readonly apps: readonly App[]
  /** What the variable takes, for the README and for error messages: `a whole number of 1 or more`. */
  readonly takes: string
  readonly purpose: string
  /** The default as a person would write it. Undefined: the variable is required by the apps that read it. */
  readonly fallback: string | undefined
  /** How `fallback` follows from the machine, for the README, where it does. */
  readonly fallbackRule?: string
  /** From the variable's text to the value; rejects what does not fit. */
  readonly schema: z.ZodType<T, string>
}

const cores = availableParallelism()

export const settings = {
  listen: {
    name: 'SLUICE_LISTEN',
    apps: ['gateway'],
    takes: 'host:port, or unix:/path',
    purpose: 'Where the gateway listens for git clients. Port 0 picks a free one.',
    fallback: '127.0.0.1:8080',
    schema: address({ anyPort: true }),
  },
  supervisor: {
    name: 'SLUICE_SUPERVISOR',
    apps: ['gateway', 'supervisor'],
    takes: 'unix:/path (at most 107 bytes), or host:port (not port 0)',
    purpose: 'Where the supervisor listens, and where the gateway finds it.',
    fallback: 'unix:/run/sluice/supervisor.sock',
    schema: address({ anyPort: false }),
  },
  root: {
    name: 'SLUICE_ROOT',
    apps: ['supervisor'],
    takes: 'the path of an existing folder',
    purpose:
      'The folder below which all repositories lie. Nothing outside it is ever served. Whoever may write there decides which hooks run.',
    fallback: '/srv/git',
    schema: text(),
  },
  runFolder: {
    name: 'SLUICE_RUN_FOLDER',
    apps: ['supervisor'],
    takes: 'the path of a folder, of this supervisor alone',
    purpose:
      'What the supervisor keeps while it runs, so that the next one can end what it may have left. Created if missing.',
    fallback: '/run/sluice',
    schema: text(),
  },
  createOnPush: {
    name: 'SLUICE_CREATE_ON_PUSH',
    apps: ['supervisor'],
    takes: 'on or off',
    purpose: 'Whether pushing to a repository that does not exist creates it.',
    fallback: 'off',
    schema: toggle(),
  },
  git: {
    name: 'SLUICE_GIT',
    apps: ['supervisor'],
    takes: 'the name or path of a git 2.34 or newer',
    purpose: 'The git that workers run; a bare name is looked up in PATH.',
    fallback: 'git',
    schema: text(),
  },
  workerRuntime: {
    name: 'SLUICE_WORKER_RUNTIME',
    apps: ['supervisor'],
    takes: 'auto, bun or node',
    purpose: 'What workers run on. auto: Bun where it is installed, else Node.',
    fallback: 'auto',
    schema: z.enum(['auto', 'bun', 'node']),
  },
  warmWorkers: {
    name: 'SLUICE_WARM_WORKERS',
    apps: ['supervisor'],
    takes: 'a whole number from 0 to 1000',
    purpose: 'How many idle workers are kept ready, 4 MB of private memory each.',
    fallback: '4',
    schema: wholeNumber(0, 1000),
  },
  fetchSlots: {
    name: 'SLUICE_FETCH_SLOTS',
    apps: ['supervisor'],
    takes: 'a whole number from 1 to 10000',
    purpose: 'How many fetches (their advertisements included) run at once.',
    fallback: String(8 * cores),
    fallbackRule: '8 × cores',
    schema: wholeNumber(1, 10_000),
  },
  pushSlots: {
    name: 'SLUICE_PUSH_SLOTS',
    apps: ['supervisor'],
    takes: 'a whole number from 1 to 10000',
    purpose: 'How many pushes run at once.',
    fallback: String(4 * cores),
    fallbackRule: '4 × cores',
    schema: wholeNumber(1, 10_000),
  },
  pushAdvertisementSlots: {
    name: 'SLUICE_PUSH_ADVERTISEMENT_SLOTS',
    apps: ['supervisor'],
    takes: 'a whole number from 1 to 10000',
    purpose: 'How many advertisements for pushes run at once.',
    fallback: String(4 * cores),
    fallbackRule: '4 × cores',
    schema: wholeNumber(1, 10_000),
  },
  queueLength: {
    name: 'SLUICE_QUEUE_LENGTH',
    apps: ['supervisor'],
    takes: 'a whole number from 0 to 100000',
    purpose: 'How many requests of each of the three kinds may wait for a slot; more are refused with 503.',
    fallback: '256',
    schema: wholeNumber(0, 100_000),
  },
  queueTimeout: {
    name: 'SLUICE_QUEUE_TIMEOUT',
    apps: ['supervisor'],
    takes: 'a time such as 500ms, 30s, 5m or 1h',
    purpose: 'How long a request waits for a slot before it is refused with 503.',
    fallback: '30s',
    schema: duration(),
  },
  workerStartTimeout: {
    name: 'SLUICE_WORKER_START_TIMEOUT',
    apps: ['supervisor'],
    takes: 'a time such as 500ms, 30s, 5m or 1h',
    purpose: 'How long a worker may take to start before it is replaced.',
    fallback: '5s',
    schema: duration(),
  },
  idleTimeout: {
    name: 'SLUICE_IDLE_TIMEOUT',
    apps: ['gateway', 'supervisor'],
    takes: 'a time such as 500ms, 30s, 5m or 1h',
    purpose: 'How long no byte may move in either direction before a request is ended. git sends one every 5 seconds.',
    fallback: '2m',
    schema: duration(),
  },
  requestTimeout: {
    name: 'SLUICE_REQUEST_TIMEOUT',
    apps: ['supervisor'],
    takes: 'off, or a time such as 30m or 6h',
    purpose: 'How long a whole request may take. Large clones take hours and are no fault.',
    fallback: 'off',
    schema: z.union([z.literal('off').transform(() => undefined), duration()]),
  },
  pushGrace: {
    name: 'SLUICE_PUSH_GRACE',
    apps: ['supervisor'],
    takes: 'a time such as 0s, 500ms or 30s',
    purpose: 'How long a push that is torn down may end by itself and clean up before SIGTERM. Fetches get none.',
    fallback: '500ms',
    schema: duration(0),
  },
  killGrace: {
    name: 'SLUICE_KILL_GRACE',
    apps: ['supervisor'],
    takes: 'a time such as 0s, 500ms or 30s',
    purpose: 'How long git may take to obey SIGTERM before SIGKILL.',
    fallback: '5s',
    schema: duration(0),
  },
  drainTimeout: {
    name: 'SLUICE_DRAIN_TIMEOUT',
    apps: ['gateway', 'supervisor'],
    takes: 'a time such as 0s, 500ms or 30s',
    purpose: 'How long running requests may take to finish after SIGTERM or SIGINT.',
    fallback: '60s',
    schema: duration(0),
  },
  maxFetchRequest: {
    name: 'SLUICE_MAX_FETCH_REQUEST',
    apps: ['supervisor'],
    takes: 'a size such as 512KiB, 32MiB or 1GiB',
    purpose: 'The largest body of a fetch request, counted after inflating; more is refused with 413.',
    fallback: '32MiB',
    schema: size(),
  },
  fsckObjects: {
    name: 'SLUICE_FSCK_OBJECTS',
    apps: ['supervisor'],
    takes: 'on or off',
    purpose:
      'Whether pushed objects are checked (transfer.fsckObjects); a repository may set receive.fsckObjects itself.',
    fallback: 'on',
    schema: toggle(),
  },
  packThreads: {
    name: 'SLUICE_PACK_THREADS',
    apps: ['supervisor'],
    takes: 'a whole number from 1 to 64',
    purpose: 'How many threads one pack-objects or index-pack may use (pack.threads).',
    fallback: String(Math.min(cores, 4)),
    fallbackRule: 'cores, at most 4',
    schema: wholeNumber(1, 64),
  },
  packWindowMemory: {
    name: 'SLUICE_PACK_WINDOW_MEMORY',
    apps: ['supervisor'],
    takes: 'a size such as 512KiB, 32MiB or 1GiB',
    purpose: 'The memory for the delta window of each of these threads (pack.windowMemory).',
    fallback: '256MiB',
    schema: size(),
  },
  logLevel: {
    name: 'SLUICE_LOG_LEVEL',
    apps: ['gateway', 'supervisor'],
    takes: 'trace, debug, info, warn, error or silent',
    purpose: 'The least important lines that are logged. There is one info line for each request.',
    fallback: 'info',
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']),
  },
  logFormat: {
    name: 'SLUICE_LOG_FORMAT',
    apps: ['gateway', 'supervisor'],
    takes: 'json or pretty',
    purpose: 'json: one object a line, for machines. pretty: for people.',
    fallback: 'json',
    schema: z.enum(['json', 'pretty']),
  },
} satisfies Record<string, Setting<unknown>>

function text(): z.ZodType<string, string> {
  return z.string().min(1)
}

/** @param options `anyPort`: whether port 0 may stand for any that is free */
function address(options: { anyPort: boolean }) {
  return z.string().transform((value, context) => {
    const parsed = parseAddress(value)
    if (parsed?.kind === 'tcp' && parsed.port === 0 && !options.anyPort) return invalid(context)
    return parsed ?? invalid(context)
  })
}

function toggle() {
  return z.enum(['on', 'off']).transform((value) => value === 'on')
}

function wholeNumber(least: number, most: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.number().min(least).max(most))
}

/** A span of time, as milliseconds. Bounded by what a timer can hold: 24 days. */
function duration(least = 1) {
  const milliseconds = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
  return z.string().transform((value, context) => {
    const [, digits, unit] = /^(\d{1,9})(ms|s|m|h)$/.exec(value) ?? []
    const result = Number(digits) * (milliseconds[unit as keyof typeof milliseconds] ?? NaN)
    return result >= least && result < 2 ** 31 ? result : invalid(context)
  })
}

/** An amount of data, as bytes. */
function size() {
  const bytes = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }
  return z.string().transform((value, context) => {
    const [, digits, unit] = /^(\d{1,9})(B|KiB|MiB|GiB)$/.exec(value) ?? []
    const result = Number(digits) * (bytes[unit as keyof typeof bytes] ?? NaN)
    return result >= 1 ? result : invalid(context)
  })
}

function invalid(context: { issues: unknown[]; value: unknown }): never {
  context.issues.push({ code: 'custom', message: 'invalid', input: context.value })
  return z.NEVER
}
