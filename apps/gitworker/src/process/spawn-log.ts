import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { traceVariables } from '@sluice/shared/git/trace-switches'
import type { TraceSwitch } from '@sluice/shared/git/trace-switches'
import type { Logger } from '@sluice/shared/telemetry/log'
import type { GitCommand } from '../git/command.ts'
import { followTrace, readNotedTrace } from './git-trace.ts'
import type { WorkerHandle } from './worker-handle.ts'

/*
 * The debug log of each git command, of requests and of jobs:
 *
 *   spawn            as it is given to its worker: arguments, working folder, the worker's pid
 *   spawn complete   when nothing of it lives: exit code, signal, CPU, memory, milliseconds
 *   git trace        a line of git's own trace, where SLUICE_GIT_TRACE asks for one
 *
 * Arguments hold no secrets: they are options of ours, paths, and names of references. What a client proves itself with
 * never reaches this application, and who it is stands in git's environment, which is not logged.
 *
 * git writes its trace to a file. On standard error, receive-pack would pass it on to the client.
 */

const maxArguments = 40
const maxArgumentLength = 256

type ServingWorker = Pick<WorkerHandle, 'pid' | 'mark' | 'report' | 'gone' | 'signalled'>

export class SpawnLog {
  readonly #log: Logger
  readonly #switches: readonly TraceSwitch[]
  readonly #folder: string
  readonly #isOn: boolean

  private constructor(log: Logger, switches: readonly TraceSwitch[], folder: string) {
    this.#log = log
    this.#switches = switches
    this.#folder = folder
    this.#isOn = log.isLevelEnabled('debug')
  }

  /**
   * @param switches the traces that git is to write
   * @param folder of this log alone: what an earlier supervisor has left in it is removed
   */
  static open(log: Logger, switches: readonly TraceSwitch[], folder: string): SpawnLog {
    rmSync(folder, { recursive: true, force: true })
    if (switches.length > 0) {
      if (log.isLevelEnabled('debug')) mkdirSync(folder)
      else log.warn('SLUICE_GIT_TRACE has no effect unless SLUICE_LOG_LEVEL is debug or trace')
    }
    return new SpawnLog(log, switches, folder)
  }

  /**
   * Logs a command, and its end when that comes. To be called right before the worker serves it.
   *
   * @param requestId of the request that it serves, if it serves one
   * @returns the command to be served, which may have to write a trace
   */
  begin(worker: ServingWorker, command: GitCommand, requestId: string | undefined): GitCommand {
    if (!this.#isOn) return command
    const about = { worker: worker.pid, ...(requestId !== undefined && { requestId }) }
    const args = loggedArguments(command)
    this.#log.debug({ args, ...about, cwd: command.cwd }, 'spawn')
    void this.#logEnd(worker, { args, ...about })
    return this.#switches.length === 0 ? command : this.#traced(worker, command, about)
  }

  async #logEnd(worker: ServingWorker, about: object): Promise<void> {
    const startedAt = performance.now()
    await worker.gone
    const ms = Math.round(performance.now() - startedAt)
    const report = await worker.report.catch((error: Error) => ({ error: error.message }))
    this.#log.debug({ ...about, ...report, signalled: worker.signalled, ms }, 'spawn complete')
  }

  #traced(worker: ServingWorker, command: GitCommand, about: object): GitCommand {
    const onLine = (trace: string) => this.#log.debug({ trace, ...about }, 'git trace')
    const variables: string[] = this.#switches.map((name) => traceVariables[name])
    // A push's goes to its note, where it must stay: see request-note.ts.
    const note = variables.includes('GIT_TRACE') ? command.env['GIT_TRACE'] : undefined
    if (note !== undefined) void worker.gone.then(() => readNotedTrace(note, onLine))
    const own = variables.filter((name) => command.env[name] === undefined)
    const file = join(this.#folder, `${worker.mark.leader}.${worker.mark.word}`)
    if (own.length === 0 || !followTrace(file, worker.gone, onLine)) return command
    return { ...command, env: { ...command.env, ...Object.fromEntries(own.map((name) => [name, file])) } }
  }
}

function loggedArguments({ argv }: GitCommand): string[] {
  return argv.slice(0, maxArguments).map((argument) => argument.slice(0, maxArgumentLength))
}
