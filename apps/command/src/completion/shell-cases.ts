import type { Among, Following } from './command-tree.ts'

/*
 * Cases of `case` that bash and zsh both read. Each begins with the words of commands so far, a colon, and what comes next: a
 * flag, a word, or the number of an argument.
 */

/** What a shell does to complete a value. */
type Completing = (among: Among) => string

/** The flags that take a value. */
export function valueFlags({ path, values }: Following): string[] {
  return values.flatMap(({ flags }) => flags.map((flag) => quoted(`${path}:${flag}`)))
}

/** @param variable has the words of commands so far */
export function commandSteps(followings: readonly Following[], variable: string): string[] {
  return followings.flatMap(({ path, commands }) =>
    commands.map(
      ({ word }) => `      ${quoted(`${path}:${word}`)}) ${variable}=${quoted(`${path} ${word}`.trim())} ;;`,
    ),
  )
}

export function valueCases({ path, values }: Following, completing: Completing): string[] {
  return values.flatMap(({ flags, among }) =>
    flags.map((flag) => `    ${quoted(`${path}:${flag}`)}) ${completing(among)}; return ;;`),
  )
}

/** @param completingCommands where commands follow, and no arguments */
export function argumentCases(
  { path, commands, args, isLastRepeated }: Following,
  completing: Completing,
  completingCommands: (commands: Following['commands']) => string,
): string[] {
  if (commands.length > 0) return [`    ${quoted(`${path}:0`)}) ${completingCommands(commands)} ;;`]
  return args.map((among, index) => {
    const isLast = index === args.length - 1
    return `    ${quoted(`${path}:`)}${isLast && isLastRepeated ? '*' : index}) ${completing(among)} ;;`
  })
}

export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
