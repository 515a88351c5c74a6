import { lookUpBy } from '@sluice/shared/git/repository-pattern'
import type { ReadAheadBudget } from '../../body/read-ahead.ts'
import type { RepositorySizes } from '../../capacity/repository-size.ts'
import type { FirstPushServices } from '../../creation/first-push.ts'
import { confirmObjects } from '../../copies/primary/confirm-copies.ts'
import { UploadAudit } from '../../lfs/call/upload-audit.ts'
import { Locks } from '../../lfs/locks/locks.ts'
import { LfsRoom } from '../../lfs/room/lfs-room.ts'
import type { LfsSizes } from '../../lfs/room/lfs-sizes.ts'
import { Lfs } from '../../lfs/serve-lfs.ts'
import type { ConfirmObjects } from '../../lfs/storage/lfs-storage.ts'
import { Downloads } from '../../lfs/transfer/downloads.ts'
import { TransferSlots } from '../../lfs/transfer/transfer-slots.ts'
import { Uploads } from '../../lfs/transfer/uploads.ts'
import type { ServiceSwitchServices } from '../../repository/service-switch.ts'
import type { DispatcherParts } from './dispatcher.ts'

/** What requests of git's and of LFS's share. */
export type LfsParts = {
  readonly firstPushes: FirstPushServices
  readonly settings: ServiceSwitchServices
  readonly sizes: RepositorySizes
  readonly lfsSizes: LfsSizes
  readonly readAhead: ReadAheadBudget
}

/** Puts together what serves requests of LFS's. */
export function openLfs(parts: DispatcherParts, shared: LfsParts): Lfs {
  const { config, storage, workers, disks, pushParts, users, mirrors, copies, eventLog, log } = parts
  const { firstPushes, settings, sizes, lfsSizes, readAhead } = shared
  const { auditLog } = pushParts.audit
  const { lfs: objects } = storage
  // S3 may come later than this host. Then what is asked of it fails until it is there.
  const unready = 'the storage of the objects of LFS does not answer as it should'
  objects.probe?.().catch((err: unknown) => log.error({ err }, unready))
  const room = new LfsRoom({
    maxRepository: lookUpBy(config.maxRepository),
    maxObject: leastOf(config.maxLfsObject, objects.maxObject),
    sizes,
    lfsSizes,
  })
  const confirm: ConfirmObjects = async (place, pointers, tenure) => {
    if (copies && tenure) await confirmObjects(copies, place.repository, tenure, pointers)
  }
  const slots = new TransferSlots({ admission: workers.admission, readAhead, idleTimeout: config.idleTimeout })
  const audit = new UploadAudit(auditLog, log)
  return new Lfs({
    isOn: config.lfs,
    disks,
    readOnly: pushParts.readOnly,
    mirrors,
    auditLog,
    firstPushes,
    creations: eventLog?.creations,
    users,
    settings,
    batches: { storage: objects, confirmObjects: confirm, room, audit },
    downloads: new Downloads({ storage: objects, slots }),
    uploads: new Uploads({ storage: objects, slots, room, confirmObjects: confirm, audit }),
    locks: new Locks(),
    copies,
  })
}

function leastOf(...limits: readonly (number | undefined)[]): number | undefined {
  const given = limits.filter((limit) => limit !== undefined)
  return given.length === 0 ? undefined : Math.min(...given)
}
