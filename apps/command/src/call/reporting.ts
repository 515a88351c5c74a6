import { resolve } from 'node:path'
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { showReport } from '../output/report.ts'
import type { Report } from '../output/report.ts'
import type { Surroundings } from './surroundings.ts'

/** What every command takes, wherever it stands on the line. */
export type GlobalOptions = { readonly json?: boolean; readonly config?: string }

/**
 * Makes an action of a function that returns what it found. The report is shown as text, or as a document with --json.
 *
 * @param act gets the arguments and options of the command; undefined: it has said everything itself
 */
export function reporting<A extends readonly [...unknown[], CommandUnknownOpts]>(
  at: Surroundings,
  act: (...args: A) => Promise<Report | undefined>,
): (...args: A) => Promise<void> {
  return async (...args) => {
    const command = args.at(-1) as CommandUnknownOpts
    const report = await act(...args)
    if (!report) return
    showReport(report, globalOptions(command).json ?? false, at.stdout)
    exitCodesOf.set(rootOf(command), report.exitCode ?? 0)
  }
}

export function globalOptions(command: CommandUnknownOpts): GlobalOptions {
  return command.optsWithGlobals()
}

/** The environment with the settings file that this call is about: `--config FILE` stands for SLUICE_CONFIG. */
export function environmentOf(at: Surroundings, command: CommandUnknownOpts): NodeJS.ProcessEnv {
  const { config } = globalOptions(command)
  return config === undefined ? at.env : { ...at.env, SLUICE_CONFIG: resolve(config) }
}

/** What the commands of a program have ended with. */
const exitCodesOf = new WeakMap<CommandUnknownOpts, number>()

export function exitCodeOf(program: CommandUnknownOpts): number {
  return exitCodesOf.get(program) ?? 0
}

function rootOf(command: CommandUnknownOpts): CommandUnknownOpts {
  return command.parent ? rootOf(command.parent) : command
}
