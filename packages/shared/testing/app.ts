import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { nodeFlags } from '@sluice/shared/app/node-flags'
import { patienceMs, patiently } from './patience.ts'
import { childrenOf, isAlive } from './processes.ts'
import { until } from './until.ts'

/** A line of a log, parsed. */
export type LogLine = { readonly [field: string]: unknown }

export type App = {
  readonly pid: number
  /** host:port, or unix:/path. */
  readonly address: string
  /** Where it serves its operators: host:port. */
  readonly operations: string
  readonly lines: LogLine[]
  /** The next line that matches, or an earlier one; fails after a minute. */
  line(fits: (line: LogLine) => boolean): Promise<LogLine>
  signal(signal: NodeJS.Signals): void
  /** Resolves with the exit code, or the signal's name. Its last lines may come later. */
  readonly exited: Promise<number | string>
  /** Whether it has logged that it has stopped, which it does at its very end. */
  readonly hasStopped: boolean
}

const project = fileURLToPath(new URL('../../..', import.meta.url))
const mains = {
  gateway: join(project, 'apps/gateway/src/main.ts'),
  supervisor: join(project, 'apps/gitworker/src/main.ts'),
}

/** An application has ended before it listened. */
export class EarlyEnd extends Error {
  /** The exit code, or the signal's name. */
  readonly how: number | string

  constructor(name: string, how: number | string) {
    super(`The ${name} ended with ${how} before it listened.`)
    this.how = how
  }
}

/**
 * Starts an application as a process, and waits until it listens.
 *
 * @param within a program and its arguments that puts another program in its own place, elsewhere: `nsenter`
 * @param take takes each line of the log; `lines` stays empty then. For applications that run for long
 */
export async function startApp(
  name: keyof typeof mains,
  env: Record<string, string>,
  within: readonly string[] = [],
  take?: (line: LogLine) => void,
): Promise<App> {
  const [program, ...args] = [...within, process.execPath, ...nodeFlags, mains[name]]
  const child = spawn(program, args, {
    env,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const lines: LogLine[] = []
  const takeLine = take ?? ((line) => lines.push(line))
  let hasStopped = false
  createInterface({ input: child.stdout! }).on('line', (text) => {
    const line = JSON.parse(text) as LogLine
    hasStopped ||= line['msg'] === 'stopped'
    takeLine(line)
  })
  const exited = once(child, 'exit').then(([code, signal]: (number | string)[]) => code ?? signal ?? 'unknown')
  const early = exited.then((how) => Promise.reject(new EarlyEnd(name, how)))
  early.catch(() => {})
  const listening = Promise.race([once(child, 'message'), early])
  const [message] = (await patiently(`the ${name} to listen`, listening).catch((error: unknown) => {
    child.kill('SIGKILL')
    throw error
  })) as [{ address: string; operations: string }]
  return {
    pid: child.pid!,
    address: message.address,
    operations: message.operations,
    lines,
    line: (fits) => until(`a line in the log of the ${name}`, () => lines.find(fits)),
    signal: (signal) => void child.kill(signal),
    exited,
    get hasStopped() {
      return hasStopped
    },
  }
}

/**
 * Fails the test that started an application that does not stop, or stops with an error. Running requests are not
 * waited for: a failed test may have left one that takes for ever.
 */
export async function stopApp(app: App): Promise<void> {
  const workers = await childrenOf(app.pid)
  app.signal('SIGTERM')
  // A second signal ends the requests that the drain would wait for. It counts only some time after the first.
  const hurry = setTimeout(() => app.signal('SIGTERM'), hurryAfterMs)
  const how = await patiently(`an application to stop`, app.exited).catch(async (error: unknown) => {
    app.signal('SIGKILL')
    await app.exited
    throw error
  })
  clearTimeout(hurry)
  const survivors = await until('the workers to end', async () => {
    const alive = await Promise.all(workers.map(isAlive))
    return !alive.includes(true) && 'none'
  })
  if (how === 0 || how === 'SIGKILL') return
  // A second signal may come when Node has taken its handlers away, at the very end.
  if (how === 'SIGTERM') await until('an application that a signal has ended to have stopped', () => app.hasStopped)
  else throw new Error(`An application ended with ${how}; its workers: ${survivors}.`)
}

/** Long after an application that ends by itself has ended, and long before `patienceMs` is over. */
const hurryAfterMs = patienceMs / 3
