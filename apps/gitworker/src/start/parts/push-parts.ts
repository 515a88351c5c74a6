import type { Logger } from '@sluice/shared/telemetry/log'
import type { DiskSpace } from '../../capacity/disk-space.ts'
import type { SupervisorConfig } from '../../config/config.ts'
import type { HostMetrics } from '../../operations/metrics.ts'
import { openReadOnlyRules } from '../../repository/read-only-rules.ts'
import type { ReadOnlyRules } from '../../repository/read-only.ts'
import { openAudit } from './audit.ts'
import type { Audit } from './audit.ts'
import { partOf } from './startable-part.ts'
import type { Part } from './startable-part.ts'

/** What decides whether pushes are taken at all, and what records them. */
export type PushParts = Part<{
  readonly audit: Audit
  readonly readOnly: ReadOnlyRules
}>

/** @throws {ConfigError} where a file cannot be read or written */
export async function openPushParts(
  config: SupervisorConfig,
  disks: DiskSpace,
  metrics: HostMetrics,
  log: Logger,
): Promise<PushParts> {
  await using opened = new AsyncDisposableStack()
  const audit = opened.use(await openAudit(config, disks, log))
  if (audit.auditLog) metrics.showAudit(audit.auditLog)
  const readOnly = opened.use(await openReadOnlyRules(config, log))
  return partOf(opened, { audit, readOnly })
}
