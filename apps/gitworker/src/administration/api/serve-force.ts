import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { checkRepositoryName } from '@sluice/shared/git/repository-name'
import { slotCount, slotOf } from '@sluice/shared/placement/slot'
import { Refusal } from '@sluice/shared/refusal/refusal'
import type { ForceDesk } from '../force/force-desk.ts'
import { readBody } from './read-body.ts'
import type { Reply } from './reply.ts'
import { whoIs } from './who-is.ts'

/*
 *   POST /-/cluster/force     makes this host the primary of slots that no host in sync is left of
 */

const forcing = z.union([
  z.strictObject({
    slots: z
      .array(
        z
          .int()
          .min(0)
          .max(slotCount - 1),
      )
      .max(slotCount)
      .default([]),
    repositories: z.array(z.string().min(1).max(4096)).max(1000).default([]),
    dryRun: z.boolean().default(true),
  }),
  z.strictObject({ allDown: z.literal(true), dryRun: z.boolean().default(true) }),
])

/** @throws {Refusal} `no_forcing`, `bad_operation`, `bad_address`, and as `ForceDesk.force` */
export async function serveForce(incoming: IncomingMessage, reply: Reply, desk: ForceDesk | undefined): Promise<void> {
  if (!desk) throw new Refusal('no_forcing')
  const wanted = forcing.safeParse(await readBody(incoming)).data
  const slots = wanted && 'slots' in wanted ? slotsOf(wanted) : undefined
  if (!wanted || slots?.size === 0) throw new Refusal('bad_operation', { sentence: howToSay })
  reply.end(200, await desk.force(slots, wanted.dryRun, whoIs(incoming)))
}

const howToSay = `The body must name "slots" (numbers from 0 to ${slotCount - 1}) or "repositories", or have "allDown": true. It may have "dryRun".`

function slotsOf({ slots, repositories }: { slots: readonly number[]; repositories: readonly string[] }): Set<number> {
  for (const repository of repositories) checkRepositoryName(repository)
  return new Set([...slots, ...repositories.map(slotOf)])
}
