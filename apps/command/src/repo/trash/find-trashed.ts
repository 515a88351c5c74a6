import type { Trashed, TrashList } from '@sluice/gitworker/administration/trash/list-trash'
import { CommandError } from '../../output/failure.ts'
import { unaskedText } from './trash-text.ts'

/** By its name, or its id. @throws {CommandError} where there is none, or several fit */
export function findTrashed(list: TrashList, wanted: string): Trashed {
  const [one, another] = fitting(list, wanted)
  if (!one) throw new CommandError(missing(list, wanted))
  if (another) {
    const ids = fitting(list, wanted).map(({ id }) => id)
    throw new CommandError(
      `Several deleted repositories were called ${wanted}. Say which by its id: ${ids.join(', ')}.`,
    )
  }
  return one
}

/**
 * The same for one that is to be restored: what this host has itself comes first. By its name, it is one that was deleted: what
 * was renamed is there under another name.
 *
 * @throws {CommandError}
 */
export function toRestore(all: TrashList, wanted: string): Trashed {
  const isMeant = ({ id, renamedTo }: Trashed) => id === wanted || renamedTo === undefined
  const list = { ...all, trash: all.trash.filter(isMeant) }
  const renamed = fitting(all, wanted)[0]
  if (renamed && fitting(list, wanted).length === 0) throw new CommandError(wasRenamed(renamed))
  const here = { ...list, trash: list.trash.filter(({ isHere }) => isHere) }
  return findTrashed(fitting(here, wanted).length > 0 ? here : list, wanted)
}

function wasRenamed({ id, repository, renamedTo }: Trashed): string {
  return (
    `${repository} was not deleted: it was renamed to ${renamedTo?.name}, which is on the host ${renamedTo?.host}. ` +
    `To give it its old name again, rename it there: sluice repo rename ${renamedTo?.name} ${repository}. ` +
    `To make a second repository of what it had before that, say which by its id: sluice repo restore ${id}`
  )
}

/** Why the host that keeps the name cannot restore it, and what to do. */
export function onlyElsewhere({ id, repository, elsewhere }: Trashed, to = repository): string {
  return (
    `${repository} is in the trash of ${elsewhere.join(' and ')}, and not in that of this host, which keeps the name ${to} now. ` +
    `To bring it back, create it here (sluice repo create ${to}), and on ${elsewhere[0]} push to it: ` +
    `git -C SLUICE_ROOT/.sluice-trash.lock/${id}/repository push --mirror ADDRESS`
  )
}

function fitting({ trash }: TrashList, wanted: string): Trashed[] {
  const name = nameIn(wanted)
  return trash.filter(({ id, repository, isDropped }) => id === wanted || (repository === name && !isDropped))
}

function nameIn(wanted: string): string {
  return wanted.replace(/\.git$/, '')
}

function missing(list: TrashList, wanted: string): string {
  const name = nameIn(wanted)
  const dropped = list.trash.find(({ repository, isDropped }) => isDropped && repository === name)
  const copies = dropped
    ? ` Hosts that kept it once still have copies for a day: "sluice repo purge ${dropped.id}" removes them.`
    : ''
  const unasked = unaskedText(list)
  const more = unasked === '' ? '' : ` ${unasked}`
  return `The trash has no ${wanted}. "sluice repo trash" lists what it has.${copies}${more}`
}
