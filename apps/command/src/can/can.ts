import { Command } from '@commander-js/extra-typings'
import { reporting } from '../call/reporting.ts'
import type { Surroundings } from '../call/surroundings.ts'

/** Why somebody may or may not. */
export function canCommand(at: Surroundings) {
  return new Command('can')
    .description(
      'Say whether somebody may read, push to or create a repository, and which rule decides. Ends with 0 for yes and 1 for no.',
    )
    .usage('[options] USER read|write|create REPOSITORY')
    .argument('[words...]', 'USER is a name, or anyone. With --token or --token-file, leave it out.')
    .option('--token <id>', 'Ask about a token of the token file, by its id.')
    .option('--token-file <file>', 'Ask about the token in this file, also a signed one (SLUICE_ACCESS=jwt).')
    .action(
      reporting(at, async (words, options, command) => {
        const { can } = await import('./answer.ts')
        return await can(at, command, words, options)
      }),
    )
}
