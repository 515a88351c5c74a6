import type { Maintenance } from '../../../maintenance/maintenance.ts'
import type { Mirrors } from '../../../mirrors/mirrors.ts'
import { ExclusiveWork } from '../../../repository/exclusive-work.ts'
import { MirrorMarks } from '../../../repository/mirror-mark.ts'
import type { RepositoryUsers } from '../../../repository/repository-users.ts'
import { openMaintenance } from './maintenance.ts'
import type { MaintenanceParts } from './maintenance.ts'
import { openMirrors } from './mirrors.ts'
import type { MirrorParts } from './mirrors.ts'
import { partOf } from '../startable-part.ts'
import type { Part } from '../startable-part.ts'

/** What a host does to repositories on its own account. */
export type OwnWork = Part<{
  /** Undefined where repositories are not kept in shape. */
  readonly maintenance: Maintenance | undefined
  /** Undefined where there is no file of mirrors. */
  readonly mirrors: Mirrors | undefined
  readonly marks: MirrorMarks
}>

type OwnWorkParts = Omit<MirrorParts, 'exclusive' | 'marks' | 'maintenance'> &
  Pick<MaintenanceParts, 'running'> & { readonly users: RepositoryUsers }

/** @throws {ConfigError} where the file of mirrors is not right */
export async function openOwnWork(parts: OwnWorkParts): Promise<OwnWork> {
  await using opened = new AsyncDisposableStack()
  const exclusive = new ExclusiveWork(parts.users)
  const marks = new MirrorMarks(parts.workers.runJob)
  const maintenance = openMaintenance({ ...parts, exclusive })
  if (maintenance) opened.use(maintenance)
  const { mirrors } = opened.use(await openMirrors({ ...parts, exclusive, marks, maintenance }))
  return partOf(opened, { maintenance, mirrors, marks })
}
