import { dirname } from 'node:path'
import { ConfigError } from '@sluice/shared/config/config-error'
import { errnoOf } from '@sluice/shared/machine/errno'
import type { Logger } from '@sluice/shared/telemetry/log'
import { AuditLog } from '../../audit/audit-log.ts'
import { RefusedPushes } from '../../audit/refused-pushes.ts'
import type { DiskSpace } from '../../capacity/disk-space.ts'
import type { SupervisorConfig } from '../../config/config.ts'
import { partOf } from './startable-part.ts'
import type { Part } from './startable-part.ts'

/** What records pushes. Undefined where they are not recorded. */
export type Audit = Part<{
  readonly auditLog: AuditLog | undefined
  readonly refusedPushes: RefusedPushes | undefined
}>

/** The folder of the audit log, whose disk is watched. */
export function auditFolder({ auditLog }: Pick<SupervisorConfig, 'auditLog'>): string | undefined {
  return auditLog === undefined ? undefined : dirname(auditLog)
}

/** @throws {ConfigError} where the log cannot be written */
export async function openAudit(
  { auditLog: path }: Pick<SupervisorConfig, 'auditLog'>,
  disks: Pick<DiskSpace, 'freeBytes'>,
  log: Logger,
): Promise<Audit> {
  await using opened = new AsyncDisposableStack()
  if (path === undefined) return partOf(opened, { auditLog: undefined, refusedPushes: undefined })
  const auditLog = opened.use(await open(path, disks, log))
  return partOf(opened, { auditLog, refusedPushes: new RefusedPushes(auditLog, log) })
}

async function open(path: string, disks: Pick<DiskSpace, 'freeBytes'>, log: Logger): Promise<AuditLog> {
  try {
    return await AuditLog.open({ path, freeBytes: () => disks.freeBytes('audit'), log })
  } catch (error) {
    const why = errnoOf(error) || (error as Error).message
    throw new ConfigError([`SLUICE_AUDIT_LOG: cannot write ${path} (${why}).`], {
      mayHeal: errnoOf(error) === 'ENOENT',
    })
  }
}
