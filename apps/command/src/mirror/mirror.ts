import { Command } from '@commander-js/extra-typings'
import type { Surroundings } from '../call/surroundings.ts'
import { listCommand } from './list.ts'
import { runCommand } from './run.ts'

/** The mirrors of a running host. */
export function mirrorCommand(at: Surroundings) {
  return new Command('mirror')
    .description('Look at the mirrors of this host, and run one (SLUICE_MIRRORS_FILE).')
    .addCommand(listCommand(at))
    .addCommand(runCommand(at))
}
