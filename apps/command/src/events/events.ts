import { Command } from '@commander-js/extra-typings'
import type { Surroundings } from '../call/surroundings.ts'
import { listCommand } from './list.ts'
import { resendCommand } from './resend.ts'
import { testCommand } from './test.ts'

/** What a running host tells others of. */
export function eventsCommand(at: Surroundings) {
  return new Command('events')
    .description('Look at the events of this host, and send one again (SLUICE_EVENTS_FILE).')
    .addCommand(listCommand(at))
    .addCommand(resendCommand(at))
    .addCommand(testCommand(at))
}
