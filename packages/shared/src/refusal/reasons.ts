import type { Outcome } from './outcomes.ts'
import { requests } from './reasons/requests.ts'
import { services } from './reasons/services.ts'
import { access } from './reasons/access.ts'
import { lfs } from './reasons/lfs.ts'
import { lfsStorage } from './reasons/lfs-storage.ts'
import { pushes } from './reasons/pushes.ts'
import { administration } from './reasons/administration.ts'
import { load } from './reasons/load.ts'
import { hosts } from './reasons/hosts.ts'
import { endings } from './reasons/endings.ts'

/** The reasons by subject, in the order in which the reference shows them. */
export const reasonGroups = [
  { title: 'Requests that are not right', reasons: requests },
  { title: 'What is not offered', reasons: services },
  { title: 'Log-ins and rights', reasons: access },
  { title: 'Repositories and pushes', reasons: pushes },
  { title: 'Git LFS', reasons: lfs },
  { title: 'Locks and storage of Git LFS', reasons: lfsStorage },
  { title: 'Administration of repositories', reasons: administration },
  { title: 'Too much to do', reasons: load },
  { title: 'Gateway and host', reasons: hosts },
  { title: 'Requests that ended early', reasons: endings },
]

/**
 * Every reason for which Sluice does not do what a client asked. The name is a stable code for logs, metrics and scripts.
 * `npm run docs` makes the reference from this table.
 */
export const reasons = {
  ...requests,
  ...services,
  ...access,
  ...pushes,
  ...lfs,
  ...lfsStorage,
  ...administration,
  ...load,
  ...hosts,
  ...endings,
} satisfies Record<string, { readonly outcome: Outcome }>

export type Reason = keyof typeof reasons

/** The outcome of an exchange that another server refused with this reason, or did not refuse. */
export function outcomeOf(reason: string | undefined): Outcome {
  if (reason === undefined) return 'completed'
  return Object.hasOwn(reasons, reason) ? reasons[reason as Reason].outcome : 'failed'
}

/** The status of this reason; undefined for none, or one of a later version. */
export function statusOf(reason: string | undefined): number | undefined {
  return reason !== undefined && Object.hasOwn(reasons, reason) ? reasons[reason as Reason].status : undefined
}
