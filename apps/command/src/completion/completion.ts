import { Argument, Command } from '@commander-js/extra-typings'
import { reporting } from '../call/reporting.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { bashCompletion } from './bash.ts'
import { followingsOf } from './command-tree.ts'
import { zshCompletion } from './zsh.ts'

const shells = { bash: bashCompletion, zsh: zshCompletion } as const

export function completionCommand(at: Surroundings) {
  return new Command('completion')
    .description(
      'Print a script that completes commands and options in a shell. Put into your ~/.bashrc or ~/.zshrc: source <(sluice completion bash)',
    )
    .addArgument(new Argument('<shell>', 'The shell.').choices(['bash', 'zsh'] as const))
    .action(
      reporting(at, async (shell, _options, command) => {
        const script = shells[shell](followingsOf(command.parent!))
        return { document: { shell, script }, text: () => script }
      }),
    )
}
