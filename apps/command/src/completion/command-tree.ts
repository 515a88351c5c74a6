import type { CommandUnknownOpts, Option } from '@commander-js/extra-typings'

/** What may follow on the line after a command. */
export type Following = {
  /** As it is typed, without `sluice`: `repo list`. Empty for `sluice` itself. */
  readonly path: string
  readonly commands: readonly Word[]
  readonly flags: readonly Word[]
  /** What may follow each flag that takes a value. */
  readonly values: readonly { readonly flags: readonly string[]; readonly among: Among }[]
  /** The arguments in their order; the last may be there many times. */
  readonly args: readonly Among[]
  readonly isLastRepeated: boolean
}

export type Word = { readonly word: string; readonly about: string }

/** Some words; or paths of files; or anything, which is nothing to complete. */
export type Among = readonly string[] | 'files' | 'anything'

/** Every command of a program, with what may follow it. Options of a command may stand anywhere after it. */
export function followingsOf(program: CommandUnknownOpts, inherited: readonly Option[] = [], path = ''): Following[] {
  const options = [...inherited, ...program.options].filter(({ hidden }) => !hidden)
  const own: Following = {
    path,
    commands: program.commands.map((one) => ({ word: one.name(), about: firstSentence(one.description()) })),
    flags: [...options.map(wordOf), { word: '--help', about: 'Show the help' }],
    values: options
      .filter(({ required, optional }) => required || optional)
      .map((option) => ({ flags: flagsOf(option), among: amongOf(option.argChoices, option.flags) })),
    args: program.registeredArguments.map((argument) => amongOf(argument.argChoices, argument.name())),
    isLastRepeated: program.registeredArguments.at(-1)?.variadic ?? false,
  }
  const globals = options.filter(({ long }) => long !== '--version')
  return [own, ...program.commands.flatMap((one) => followingsOf(one, globals, `${path} ${one.name()}`.trim()))]
}

function wordOf(option: Option): Word {
  return { word: option.long ?? option.short ?? '', about: firstSentence(option.description) }
}

function flagsOf({ short, long }: Option): string[] {
  return [short, long].filter((flag) => flag !== undefined)
}

/** Arguments and values that are called files or folders are paths. */
function amongOf(choices: readonly string[] | undefined, name: string): Among {
  if (choices) return choices
  return /\b(?:file|folder|path)\b/i.test(name) ? 'files' : 'anything'
}

function firstSentence(text: string): string {
  return text.split(/\. |[.:;]$|: /)[0] ?? ''
}
