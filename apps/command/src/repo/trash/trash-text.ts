import type { Trashed, TrashList } from '@sluice/gitworker/administration/trash/list-trash'
import type { Screen } from '../../output/report.ts'
import { table } from '../../output/table.ts'
import { printable, timeInWords } from '../../output/words.ts'

/** What there is in the trash, for people. Copies that others keep now are no deleted repositories: they are counted. */
export function trashText(list: TrashList, screen: Screen): string {
  const deleted = list.trash.filter(({ isDropped }) => !isDropped)
  const dropped = list.trash.length - deleted.length
  // With one host, nobody asks where.
  const areSeveral = list.trash.some(({ elsewhere }) => elsewhere.length > 0)
  const rows = deleted.map((one) => [
    one.id,
    printable(one.repository),
    timeInWords(one.deletedAt),
    one.keptUntil === null ? 'for ever' : timeInWords(one.keptUntil),
    ...(areSeveral ? [placesOf(one)] : []),
  ])
  const renamed = deleted.flatMap(({ id, repository, renamedTo }) =>
    renamedTo ? [`${id} is what ${printable(repository)} was before it was renamed: ${newNameOf(renamedTo)}.`] : [],
  )
  const titles = [{ title: 'id' }, { title: 'name' }, { title: 'deleted' }, { title: 'kept until' }]
  const parts = [
    rows.length === 0 ? 'The trash is empty.' : table(areSeveral ? [...titles, { title: 'on' }] : titles, rows, screen),
    renamed.join('\n'),
    dropped === 0 ? '' : droppedText(dropped),
    unaskedText(list),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

/** Which hosts are missing in the list. Empty where none are. */
export function unaskedText({ unasked }: TrashList): string {
  if (unasked === null) return 'This host is stopped, so the other hosts of its cluster were not asked.'
  if (unasked.length === 0) return ''
  const named = unasked.map(({ host, why }) => `${host} (${printable(why)})`)
  return `These hosts were not heard, and may have more: ${named.join(', ')}`
}

function newNameOf({ name, host }: NonNullable<Trashed['renamedTo']>): string {
  return `it is ${printable(name)} on the host ${printable(host)} now`
}

function placesOf({ isHere, elsewhere }: Trashed): string {
  return [...(isHere ? ['this host'] : []), ...elsewhere].join(', ')
}

function droppedText(count: number): string {
  const copies = count === 1 ? 'one copy of a repository' : `${count} copies of repositories`
  return `Besides, there ${count === 1 ? 'is' : 'are'} ${copies} that other hosts keep now, for a day. --json lists them.`
}
