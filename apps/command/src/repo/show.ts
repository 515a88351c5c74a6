import { Command } from '@commander-js/extra-typings'
import type { Inspection, Size } from '@sluice/gitworker/administration/inspection'
import { settings } from '@sluice/shared/config/settings'
import { readSettings } from '../call/settings.ts'
import { reporting } from '../call/reporting.ts'
import { repositoryArgument } from '../call/repository-argument.ts'
import type { Surroundings } from '../call/surroundings.ts'
import type { Report } from '../output/report.ts'
import { pathOf } from './host/administration-client.ts'
import { withHost } from './host/reach-host.ts'
import { keeperRows } from './keeper-rows.ts'
import { bytesInWords, printable, timeInWords } from '../output/words.ts'

type Shown = Awaited<ReturnType<Inspection['show']>>

export function showCommand(at: Surroundings) {
  return new Command('show')
    .description('Show all that is known of one repository.')
    .argument('<name>', 'Its name, such as team/project.', repositoryArgument)
    .action(
      reporting(at, async (name, _options, command): Promise<Report> => {
        const shown = await withHost(at, command, (host) => host.ask<Shown>({ method: 'GET', path: pathOf(name) }))
        const { publicUrl } = await readSettings({ publicUrl: settings.publicUrl }, at, command)
        const address = publicUrl === undefined ? null : addressOf(publicUrl, name)
        return { document: { ...shown, address }, text: () => facts(rowsOf(shown, address)) }
      }),
    )
}

export function sizeCommand(at: Surroundings) {
  return new Command('size')
    .description('Say what a repository takes on the disk, and roughly what a gc could save.')
    .argument('<name>', 'Its name, such as team/project.', repositoryArgument)
    .action(
      reporting(at, async (name, _options, command): Promise<Report> => {
        const path = `${pathOf(name)}/size`
        const size = await withHost(at, command, (host) => host.ask<Size>({ method: 'GET', path }))
        return { document: size, text: () => facts(sizeRows(size)) }
      }),
    )
}

type Row = readonly [title: string, value: string]

/** What clients clone from. */
function addressOf(publicUrl: URL, name: string): string {
  return `${publicUrl.href.replace(/\/$/, '')}/${name.split('/').map(encodeURIComponent).join('/')}`
}

function rowsOf(shown: Shown, address: string | null): Row[] {
  const { path, head, objectFormat, readOnly, description, lastPush } = shown
  const { branches, tags, references, borrowsFrom, borrowers, borrowersUnknown, hooks } = shown
  return [
    ['name', shown.name],
    ['description', description || '-'],
    ...(address === null ? [] : ([['address', address]] as const)),
    ['path', path],
    ['head', head],
    ['object format', objectFormat],
    ['pushes', readOnly === null ? 'taken' : readOnly === '' ? 'refused: it is read-only' : `refused: ${readOnly}`],
    ['last push', timeInWords(lastPush)],
    ['references', `${counted(branches, 'branch', 'branches')}, ${counted(tags, 'tag', 'tags')}, ${references} in all`],
    ...sizeRows(shown),
    ['borrows from', borrowsFrom.join(', ') || '-'],
    ['lends to', borrowers.join(', ') || '-'],
    ...(borrowersUnknown ? ([['lends to others?', borrowersUnknown]] as const) : []),
    ['hooks', hooks.join(', ') || '-'],
    ...(shown.cluster ? keeperRows(shown.cluster) : []),
  ]
}

function counted(count: number, one: string, several: string): string {
  return `${count} ${count === 1 ? one : several}`
}

function sizeRows({ size, objects, gcMaySave }: Pick<Size, 'size' | 'objects' | 'gcMaySave'>): Row[] {
  const { packs, packBytes, looseObjects, looseBytes, lfsObjects, lfsBytes, temporaryBytes } = objects
  return [
    ['size', bytesInWords(size)],
    ['packs', `${packs}, ${bytesInWords(packBytes)}`],
    ['loose objects', `${looseObjects}, ${bytesInWords(looseBytes)}`],
    ['objects in LFS', `${lfsObjects}, ${bytesInWords(lfsBytes)}`],
    ['temporary', bytesInWords(temporaryBytes)],
    ['a gc may save', `about ${bytesInWords(gcMaySave)}`],
  ]
}

function facts(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(([title]) => title.length))
  return rows.map(([title, value]) => `${title.padEnd(width)}  ${printable(value)}`).join('\n')
}
