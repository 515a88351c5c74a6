import type { Forced, ForcedSlot } from '@sluice/gitworker/administration/force/force-desk'
import type { Screen } from '../output/report.ts'
import { table } from '../output/table.ts'
import { timeInWords } from '../output/words.ts'

/** Slots in a list; the others are counted. With --json, all are there. */
const mostShown = 20

const columns = [
  { title: 'slot', align: 'right' },
  { title: 'gone' },
  { title: 'repositories here', align: 'right' },
  { title: 'last change here' },
] as const

/** What would be done, or was done, in words. */
export function forcedText(forced: Forced, screen: Screen): string {
  const { slots, left, isDone } = forced
  const parts = [
    slots.length === 0 ? nothing(forced) : isDone ? done(forced) : planned(forced, screen),
    left.length === 0 ? undefined : leftText(forced),
  ]
  return parts.filter((part) => part !== undefined).join('\n\n')
}

function nothing({ left, isDone }: Forced): string {
  if (left.length > 0) return isDone ? 'Nothing was done.' : 'Nothing would be done.'
  return 'No slot is down. Nothing needs to be forced. If a host has just died, look again when its lease is over.'
}

function planned({ host, slots }: Forced, screen: Screen): string {
  const rows = slots.map(({ slot, lost, repositories, lastChange }) => {
    return [String(slot), lost.join(', '), String(repositories), timeInWords(lastChange)]
  })
  const more = rows.length > mostShown ? `\nand ${rows.length - mostShown} more` : ''
  const gone = goneOf(slots)
  const areSeveral = gone.includes(',')
  const empty = slots.filter(({ repositories }) => repositories === 0).length
  const warning =
    empty === 0
      ? ''
      : `\n${host} has no repository at all of ${counted(empty)}. If there were some, they are missing from then on.`
  return `Nothing is done yet. With --yes, ${host} becomes the primary of ${counted(slots.length)} that it may not have all of:

${table(columns, rows.slice(0, mostShown), screen)}${more}

Every push is on ${gone}. Start ${areSeveral ? 'one of them' : 'that host'} instead if you can: then nothing is lost.
What ${host} does not have is given up: pushes since it fell out of sync, and repositories that it was not brought.
When ${gone} ${areSeveral ? 'come' : 'comes'} back, what differs there is overwritten, and what is not on ${host} is moved to the trash there for a day. The log there names it.
So copy ${areSeveral ? 'their disks' : 'its disk'} first if ${areSeveral ? 'they' : 'it'} may ever be needed. Make sure that ${areSeveral ? 'they are' : 'it is'} switched off, and not just cut off.${warning}`
}

function done({ host, slots }: Forced): string {
  const gone = goneOf(slots)
  const [start, disk, it] = gone.includes(',') ? ['start', 'their disks', 'they'] : ['starts', 'its disk', 'it']
  return `${host} is the primary of ${counted(slots.length)} now. What only ${gone} had is given up.
Before ${gone} ${start} again, copy ${disk} if ${it} may ever be needed: what differs there is overwritten, and named in the log there.`
}

function leftText({ left }: Forced): string {
  const groups = [...Map.groupBy(left, ({ why }) => why)]
  const lines = groups.map(([why, some]) => {
    const named = some.slice(0, mostShown).map(({ slot }) => slot)
    const more = some.length > mostShown ? ` and ${some.length - mostShown} more` : ''
    return `  ${some.length === 1 ? 'slot' : 'slots'} ${named.join(', ')}${more}: ${why}`
  })
  return `Left as ${left.length === 1 ? 'it is' : 'they are'}:\n${lines.join('\n')}`
}

function goneOf(slots: readonly ForcedSlot[]): string {
  return [...new Set(slots.flatMap(({ lost }) => lost))].toSorted().join(', ')
}

function counted(slots: number): string {
  return slots === 1 ? 'one slot' : `${slots} slots`
}
