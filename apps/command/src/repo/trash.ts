import { Command } from '@commander-js/extra-typings'
import type { Trashed } from '@sluice/gitworker/administration/inspection'
import { reporting } from '../call/reporting.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { CommandError } from '../output/failure.ts'
import { table } from '../output/table.ts'
import type { AdministrationClient } from './host/administration-client.ts'
import { withHost } from './host/reach-host.ts'
import { printable, timeInWords } from '../output/words.ts'

export function trashCommand(at: Surroundings) {
  const list = new Command('list').description('List the deleted repositories, the latest first.').action(
    reporting(at, async (_options, command) => {
      const trash = await withHost(at, command, trashOf)
      const rows = trash.map((one) => [
        one.id,
        printable(one.repository),
        timeInWords(one.deletedAt),
        one.keptUntil === null ? 'for ever' : timeInWords(one.keptUntil),
      ])
      const titles = [{ title: 'id' }, { title: 'name' }, { title: 'deleted' }, { title: 'kept until' }]
      return {
        document: { trash },
        text: (screen) => (rows.length === 0 ? 'The trash is empty.' : table(titles, rows, screen)),
      }
    }),
  )
  return new Command('trash').description('Deleted repositories.').addCommand(list, { isDefault: true })
}

const which = 'Its name, or its id in the trash where several had that name.'

export function restoreCommand(at: Surroundings) {
  return new Command('restore')
    .description('Bring a deleted repository back.')
    .argument('<name-or-id>', which)
    .option('--to <name>', 'A new name, where its own is taken by now.')
    .action(
      reporting(at, async (wanted, { to }, command) => {
        const document = await withHost(at, command, async (host) => {
          const { id } = await find(host, wanted)
          const body = to === undefined ? {} : { to }
          return await host.ask<{ restored: string }>({ method: 'POST', path: `trash/${id}/restore`, body })
        })
        return { document, text: () => `Restored ${document.restored}.` }
      }),
    )
}

export function purgeCommand(at: Surroundings) {
  return new Command('purge')
    .description('Remove a deleted repository for good.')
    .argument('<name-or-id>', which)
    .action(
      reporting(at, async (wanted, _options, command) => {
        const document = await withHost(at, command, async (host) => {
          const { id } = await find(host, wanted)
          return await host.ask<{ purged: string }>({ method: 'DELETE', path: `trash/${id}` })
        })
        return { document, text: () => `Removed ${document.purged} for good.` }
      }),
    )
}

async function trashOf(host: AdministrationClient): Promise<Trashed[]> {
  return (await host.ask<{ trash: Trashed[] }>({ method: 'GET', path: 'trash' })).trash
}

/** @throws {CommandError} where there is none, or several fit */
async function find(host: AdministrationClient, wanted: string): Promise<Trashed> {
  const name = wanted.replace(/\.git$/, '')
  const fitting = (await trashOf(host)).filter(({ id, repository }) => id === wanted || repository === name)
  const [one, another] = fitting
  if (!one) throw new CommandError(`The trash has no ${wanted}. "sluice repo trash" lists what it has.`)
  if (another) {
    const ids = fitting.map(({ id }) => id).join(', ')
    throw new CommandError(`Several deleted repositories were called ${wanted}. Say which by its id: ${ids}.`)
  }
  return one
}
