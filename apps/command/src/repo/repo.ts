import { Command } from '@commander-js/extra-typings'
import type { Surroundings } from '../call/surroundings.ts'
import { createCommand } from './create.ts'
import { deleteCommand } from './delete.ts'
import { forkCommand } from './fork.ts'
import { fsckCommand } from './fsck.ts'
import { gcCommand } from './gc.ts'
import { headCommand } from './head.ts'
import { lfsCommand } from './lfs-prune.ts'
import { listCommand } from './list.ts'
import { readOnlyCommand } from './read-only.ts'
import { renameCommand } from './rename.ts'
import { showCommand, sizeCommand } from './show.ts'
import { purgeCommand, restoreCommand, trashCommand } from './trash.ts'

/** The repositories of a host, whether it runs or is stopped. */
export function repoCommand(at: Surroundings) {
  return new Command('repo')
    .description('Look after the repositories of this host, whether it runs or is stopped.')
    .addCommand(listCommand(at))
    .addCommand(showCommand(at))
    .addCommand(createCommand(at))
    .addCommand(renameCommand(at))
    .addCommand(deleteCommand(at))
    .addCommand(trashCommand(at))
    .addCommand(restoreCommand(at))
    .addCommand(purgeCommand(at))
    .addCommand(forkCommand(at))
    .addCommand(headCommand(at))
    .addCommand(readOnlyCommand(at))
    .addCommand(sizeCommand(at))
    .addCommand(gcCommand(at))
    .addCommand(fsckCommand(at))
    .addCommand(lfsCommand(at))
}
