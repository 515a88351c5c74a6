import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { getSystemErrorName } from 'node:util'
import type { GitCommand } from '../../git/command.ts'
import type { GitReport, Graces } from '../worker-message.ts'
import { frame, ProtocolError } from './frames.ts'
import type { Frame } from './frames.ts'

export type FromLaunchedWorker =
  /** `hasLeft`: something has outlived git. */
  | { readonly type: 'exited'; readonly report: GitReport; readonly hasLeft: boolean }
  /** `error` has errno's name. */
  | { readonly type: 'not_started'; readonly error: string }
  /** What outlived git has ended. */
  | { readonly type: 'empty' }

/** For each process by itself. `resource` is the kernel's number; both limits are lowered at most. */
export type ResourceLimit = { readonly resource: number; readonly soft: bigint; readonly hard: bigint }

/** What git and all that it starts may use, as of setrlimit(2) and proc_pid_oom_score_adj(5). */
export type Limits = {
  readonly resources: readonly ResourceLimit[]
  /** 0 leaves what the supervisor has. */
  readonly oomScoreAdj: number
}

export const noLimits: Limits = { resources: [], oomScoreAdj: 0 }

/** A worker takes no longer command: longest_command in message.c. */
const longestCommand = 2 ** 20

/** @throws {RangeError} for what cannot be said: a zero byte in a string, or too much */
export function commandFrame(
  { argv, env, cwd, niceness = 0 }: GitCommand,
  { term, kill }: Graces,
  limits = noLimits,
): Buffer {
  const { resources, oomScoreAdj } = limits
  const programs = programsOf(argv[0] ?? '', env['PATH'] ?? '')
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const strings = [cwd, ...programs, ...argv, ...variables]
  if (strings.some((string) => string.includes('\0'))) throw new RangeError('A command cannot have a zero byte in it.')
  const head = Buffer.alloc(32 + resources.length * 24)
  const counts = [resources.length, programs.length, argv.length, variables.length]
  ;[term, kill, ...counts].forEach((number, index) => head.writeUInt32LE(number, index * 4))
  head.writeInt32LE(niceness, 24)
  head.writeInt32LE(oomScoreAdj, 28)
  resources.forEach(({ resource, soft, hard }, index) => {
    ;[BigInt(resource), soft, hard].forEach((number, at) => head.writeBigUInt64LE(number, 32 + index * 24 + at * 8))
  })
  const body = Buffer.concat([head, Buffer.from(strings.map((string) => `${string}\0`).join(''))])
  if (body.length > longestCommand) throw new RangeError(`A command of ${body.length} bytes is too long.`)
  return frame('C', body)
}

export function signalFrame(signal: 'SIGTERM' | 'SIGKILL'): Buffer {
  const body = Buffer.alloc(4)
  body.writeUInt32LE(constants.signals[signal])
  return frame('S', body)
}

/** @throws {ProtocolError} */
export function parseFromLaunchedWorker({ type, body }: Frame): FromLaunchedWorker {
  switch (`${type} ${body.length}`) {
    case 'X 24':
      return { type: 'exited', report: parseReport(body), hasLeft: body.readUInt32LE(4) !== 0 }
    case 'N 8':
      return { type: 'not_started', error: notStarted(body.readInt32LE(0), body.readUInt32LE(4)) }
    case 'E 0':
      return { type: 'empty' }
    default:
      throw new ProtocolError(`A worker sent ${body.length} bytes of type ${JSON.stringify(type)}.`)
  }
}

/** Where a program may be: execvp(3), but the working folder is not searched. */
function programsOf(name: string, path: string): string[] {
  if (name.includes('/')) return [name]
  return path
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, name))
}

function parseReport(body: Buffer): GitReport {
  const status = body.readUInt32LE(0)
  const signal = status & 0x7f
  return {
    code: signal === 0 ? (status >> 8) & 0xff : null,
    signal: signal === 0 ? null : (signalNames.get(signal) ?? `signal ${signal}`),
    cpuMs: Number(body.readBigUInt64LE(8)) / 1000,
    maxRssBytes: Number(body.readBigUInt64LE(16)),
  }
}

const signalNames = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))

/** What a worker could not do: enum step in worker.c. */
const steps = [
  'its command could not be read',
  'no process could be made',
  'its limits could not be set',
  'its working folder could not be entered',
  'its program could not be run',
]

function notStarted(errno: number, step: number): string {
  return `${steps[step] ?? 'for an unknown reason'} (${errnoName(errno)})`
}

export function errnoName(errno: number): string {
  try {
    return getSystemErrorName(-Math.abs(errno))
  } catch {
    return `error ${errno}`
  }
}
