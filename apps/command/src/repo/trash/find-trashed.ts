import type { Trashed, TrashList } from '@sluice/gitworker/administration/trash/list-trash'
import { CommandError } from '../../output/failure.ts'
import { unaskedText } from './trash-text.ts'

/** By its name, or its id. @throws {CommandError} where there is none, or several fit */
export function findTrashed(list: TrashList, wanted: string): Trashed {
  const { trash } = list
  const name = wanted.replace(/\.git$/, '')
  const fitting = trash.filter(({ id, repository, isDropped }) => id === wanted || (repository === name && !isDropped))
  const [one, another] = fitting
  if (!one) throw new CommandError(missing(list, wanted, name))
  if (another) {
    const ids = fitting.map(({ id }) => id).join(', ')
    throw new CommandError(`Several deleted repositories were called ${wanted}. Say which by its id: ${ids}.`)
  }
  return one
}

/** The same for one that this host can restore: it must be in its own trash. @throws {CommandError} */
export function toRestore(list: TrashList, wanted: string): Trashed {
  const here = { ...list, trash: list.trash.filter(({ isHere }) => isHere) }
  const isOnlyElsewhere = (one: Trashed) => !here.trash.some(({ id }) => id === one.id)
  const name = wanted.replace(/\.git$/, '')
  if (here.trash.some(({ id, repository }) => id === wanted || repository === name)) return findTrashed(here, wanted)
  const one = findTrashed(list, wanted)
  if (!isOnlyElsewhere(one)) return one
  const [host] = one.elsewhere
  throw new CommandError(
    `This host has no ${wanted} in its trash, and ${one.elsewhere.join(', ')} has. A repository is restored from the trash of the ` +
      `host that keeps its name now. To bring it back from ${host}: create it where it is kept now (sluice repo create ${one.repository}), ` +
      `and on ${host} push to it: git -C SLUICE_ROOT/.sluice-trash.lock/${one.id}/repository push --mirror ADDRESS`,
  )
}

function missing(list: TrashList, wanted: string, name: string): string {
  const dropped = list.trash.find(({ repository, isDropped }) => isDropped && repository === name)
  const copies = dropped
    ? ` Hosts that kept it once still have copies for a day: "sluice repo purge ${dropped.id}" removes them.`
    : ''
  const unasked = unaskedText(list)
  const more = unasked === '' ? '' : ` ${unasked}`
  return `The trash has no ${wanted}. "sluice repo trash" lists what it has.${copies}${more}`
}
