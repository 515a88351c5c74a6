import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Coordinator } from '@sluice/shared/coordinator/coordinator'
import { clusterKeys } from '@sluice/shared/placement/keys'
import { slotOf } from '@sluice/shared/placement/slot'
import { readSlotRecord, writeSlotRecord } from '@sluice/shared/placement/slot-record'
import type { SlotRecord } from '@sluice/shared/placement/slot-record'
import { CommandError } from '../output/failure.ts'
import { createDemo } from '../start/demo-repository.ts'
import { logsIn } from './log-file.ts'

const lookEveryMs = 100
const inSyncWithinMs = 120_000

/** The slot of the repository to try, `demo`, in a cluster on this machine. */
export type DemoSlot = {
  /** To be called before hosts start: in a new cluster, puts the repository onto a host's disk, and says so in etcd. */
  begin(): Promise<void>
  /**
   * Waits until as many hosts have the repository as are to have it.
   *
   * @throws {CommandError} where that takes too long; {CoordinatorError}
   */
  untilInSync(signal: AbortSignal): Promise<SlotRecord | undefined>
}

/**
 * @param first the host that begins with it, and its folder of repositories
 * @param copies how many hosts are to have it
 * @param git the program
 */
export function demoSlot(
  coordinator: Coordinator,
  prefix: string,
  first: { readonly name: string; readonly root: string },
  { copies, git, folder }: { readonly copies: number; readonly git: string; readonly folder: string },
): DemoSlot {
  const key = clusterKeys(prefix).slot(slotOf('demo'))
  const look = async () => {
    const entry = (await coordinator.read(key)).entries.find((one) => one.key === key)
    return entry && readSlotRecord(entry.value, entry.revision)
  }
  return {
    async begin() {
      if (await look()) return
      const path = join(first.root, 'demo.git')
      await mkdir(first.root, { recursive: true })
      if (!existsSync(path)) await createDemo(path, git)
      const names = [first.name]
      const value = writeSlotRecord({
        primary: first.name,
        copies: names,
        inSync: names,
        next: undefined,
        term: undefined,
      })
      await coordinator.swap([{ key, expected: 0, value }])
    },
    async untilInSync(signal) {
      const deadline = performance.now() + inSyncWithinMs
      while (!signal.aborted) {
        const record = await look()
        if (record && record.inSync.length >= copies) return record
        if (performance.now() > deadline) {
          throw new CommandError(`demo.git does not come to be on ${copies} hosts. The logs are in ${logsIn(folder)}.`)
        }
        await pause(lookEveryMs, undefined, { signal }).catch(() => {})
      }
      return undefined
    },
  }
}
