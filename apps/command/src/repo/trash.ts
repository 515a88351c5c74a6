import { Command } from '@commander-js/extra-typings'
import type { Purged } from '@sluice/gitworker/administration/change/purge-repository'
import type { Trashed, TrashList } from '@sluice/gitworker/administration/trash/list-trash'
import { reporting } from '../call/reporting.ts'
import type { Surroundings } from '../call/surroundings.ts'
import { CommandError } from '../output/failure.ts'
import { HostRefusal } from './host/administration-client.ts'
import type { AdministrationClient } from './host/administration-client.ts'
import { withHost } from './host/reach-host.ts'
import { findTrashed, onlyElsewhere, toRestore } from './trash/find-trashed.ts'
import { isGoneEverywhere, purgedText } from './trash/purged-text.ts'
import { trashText } from './trash/trash-text.ts'

export function trashCommand(at: Surroundings) {
  const list = new Command('list').description('List the deleted repositories, the latest first.').action(
    reporting(at, async (_options, command) => {
      const document = await withHost(at, command, trashOf)
      return { document, text: (screen) => trashText(document, screen) }
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
          return await restore(host, toRestore(await trashOf(host), wanted), to)
        })
        return { document, text: () => `Restored ${document.restored}.` }
      }),
    )
}

/** The host of the name restores it. Any other one says which host that is. */
async function restore(host: AdministrationClient, found: Trashed, to: string | undefined) {
  const { id, repository, isHere } = found
  // The host does not know the name of what it does not have.
  const name = isHere ? to : (to ?? repository)
  const body = name === undefined ? {} : { to: name }
  try {
    return await host.ask<{ restored: string }>({ method: 'POST', path: `trash/${id}/restore`, body })
  } catch (error) {
    if (isHere || !(error instanceof HostRefusal) || error.reason !== 'trash_missing') throw error
    throw new CommandError(onlyElsewhere(found, to))
  }
}

export function purgeCommand(at: Surroundings) {
  return new Command('purge')
    .description('Remove a deleted repository for good, from all hosts that have it in their trash.')
    .argument('<name-or-id>', which)
    .action(
      reporting(at, async (wanted, _options, command) => {
        let found: Trashed | undefined
        const document = await withHost(at, command, async (host, onLine) => {
          found = findTrashed(await trashOf(host), wanted)
          const body = { repository: found.repository }
          return await host.ask<Purged>({ method: 'DELETE', path: `trash/${found.id}`, body }, onLine)
        })
        const exitCode = isGoneEverywhere(document) ? 0 : 1
        return { document, text: () => purgedText(document, found?.keptUntil), exitCode }
      }),
    )
}

async function trashOf(host: AdministrationClient): Promise<TrashList> {
  return await host.ask<TrashList>({ method: 'GET', path: 'trash' })
}
