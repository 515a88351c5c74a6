import type { ShownCluster } from '@sluice/gitworker/administration/look/cluster-look'
import { plainText } from '../../output/plain-text.ts'
import type { Screen } from '../../output/report.ts'
import { table } from '../../output/table.ts'

/** What could not be brought, in a list; the others are counted. With --json, more are there. */
const mostShown = 10
const mostWords = 300

const whatTheyDo = 'Primaries look whether their copies have everything, and bring them the rest:'

const columns = [
  { title: 'copy' },
  { title: 'primary' },
  { title: 'slots done', align: 'right' },
  { title: 'left', align: 'right' },
  { title: 'failed', align: 'right' },
  { title: 'repositories', align: 'right' },
] as const

/** How copies come along: what primaries bring, and what they could not bring. Empty where there is nothing to say. */
export function progressText(progress: ShownCluster['progress'], screen: Screen): string {
  if (!progress) return ''
  const { catchingUp, notBrought, unasked } = progress
  const { paint } = screen
  const rows = catchingUp.map(({ by, copy, slotsDone, slotsLeft, slotsFailed, repositories }) => {
    const failed = slotsFailed > 0 ? paint('red', String(slotsFailed)) : '0'
    return [plainText(copy), plainText(by), String(slotsDone), String(slotsLeft), failed, String(repositories)]
  })
  const parts = [
    rows.length > 0 ? `${whatTheyDo}\n${table(columns, rows, screen)}` : '',
    notBrought.length > 0 ? notBroughtText(notBrought, screen) : '',
    unasked
      .map(({ host, why }) => paint('yellow', `${plainText(host)} does not say what it brings: ${plainText(why)}`))
      .join('\n'),
  ]
  return parts.filter((part) => part !== '').join('\n\n')
}

function notBroughtText(notBrought: NonNullable<ShownCluster['progress']>['notBrought'], { paint }: Screen): string {
  const lines = notBrought.slice(0, mostShown).map(({ by, copy, slot, why }) => {
    return `  slot ${slot}, from ${plainText(by)} to ${plainText(copy)}: ${plainText(why.slice(0, mostWords))}`
  })
  const more = notBrought.length - lines.length
  const title = paint('red', 'Not brought at the last attempt, and tried again:')
  return [title, ...lines, ...(more > 0 ? [`  and ${more} more`] : [])].join('\n')
}
